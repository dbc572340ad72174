"""One canonical address, the headers that every answer carries, and the way back to a page.

A session's cookie belongs to one host name. People who come by 127.0.0.1 are sent to the name that
the cookies live under; programs are answered where they knock. A browser that comes to the address
of a button, which only takes a form, is sent to the page that the button is on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

Next = Callable[[HttpRequest], Any]

# What programs ask for, whatever name they know us by.
FOR_PROGRAMS = ("/api/", "/internal/", "/healthz", "/static/")

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the QR code of two-step log-in is a data: picture
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",  # the hand-over page to a desktop sets its own
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# For every page, and no view has a say. Addresses hold secrets here and there (an invitation's
# code, also behind ?next= of a log-in): other sites are told our origin, never an address. Hiding
# more (`no-referrer`; `same-origin` towards a desktop) makes browsers send forms with
# `Origin: null`, which are refused as forged.
REFERRER_POLICY = settings.SECURE_REFERRER_POLICY


class _Either:
    """A middleware that adds no thread of its own, whether what follows is async or not."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        return self.after(request, self.before(request) or self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        return self.after(request, self.before(request) or await self.get_response(request))

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response


class CanonicalHost(_Either):
    """Sends browsers to the portal's one name; refuses names that belong to desktops."""

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        if request.path.startswith(FOR_PROGRAMS):
            return None
        host = request.META.get("HTTP_HOST", "")
        origin = urlsplit(settings.ATELIER.portal_origin)
        if host == origin.netloc or not host:
            return None
        name = urlsplit(f"//{host}").hostname or ""
        if name.startswith("d-") or name.endswith(".localhost"):
            return HttpResponse(
                "This name belongs to a desktop, and the portal does not answer to it.\n",
                status=421,
                content_type="text/plain",
            )
        if settings.EMBEDDED and name in ("127.0.0.1", "::1") and _wants_page(request):
            return HttpResponseRedirect(settings.ATELIER.portal_origin + request.get_full_path())
        return None


def _wants_page(request: HttpRequest) -> bool:
    asked = request.META.get("HTTP_ACCEPT", "")
    return request.method in ("GET", "HEAD") and "text/html" in asked


class SecurityHeaders(_Either):
    """On every answer, errors and refusals too. A view that needs another value sets it itself."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Referrer-Policy"] = REFERRER_POLICY
        return response


class ButtonsLeadBack(_Either):
    """Sends a browser that GETs what only takes a form to the page the form is on.

    People come there without pressing anything: by `?next=` after they signed in again, by the
    language button of a page that answered a form, by typing. The page of `…/stop/` is the nearest
    one above it, so an address of a button lies below its page.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path.startswith(FOR_PROGRAMS):
            return response
        if response.status_code == 405 and request.method == "GET" and _wants_page(request):
            return HttpResponseRedirect(_page_above(request.path))
        if request.method == "POST" and _asks_to_sign_in(request, response):
            told = _("You were signed out; nothing was done. Sign in and press the button again.")
            messages.warning(request, told)
        return response


def _page_above(path: str) -> str:
    """The nearest address above this one; the front page at last. It may lead further up."""
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        with suppress(Resolver404):
            resolve(path)
            break
    return path


def _asks_to_sign_in(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer is the log-in that leads back to where this request went."""
    location = urlsplit(response.headers.get("Location", ""))
    return location.path == resolve_url(settings.LOGIN_URL) and request.path in parse_qs(
        location.query
    ).get(REDIRECT_FIELD_NAME, [])
