"""The pages that belong to no room: the front page, the setups, help, and what goes wrong."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal import gallery, shopwindow
from portal.accounts.permissions import Forbidden
from portal.catalog import offers
from portal.catalog.models import Picture
from portal.context import THEMES


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "landing.html", shopwindow.front_page())


@require_safe
def stock(request: HttpRequest) -> HttpResponse:
    """The table of plans alone: how many are free, counted now."""
    return render(request, "landing/plans.html", shopwindow.plan_table())


@require_safe
def setups(request: HttpRequest) -> HttpResponse:
    wanted = {key: request.GET.get(key, "") for key in ("webui", "memory")}
    return render(request, "setups.html", gallery.page(**wanted))


@require_safe
def setup(request: HttpRequest, slug: str) -> HttpResponse:
    found = next((row for row in offers.setups() if row.slug == slug), None)
    if found is None:
        raise Http404
    rows = shopwindow.plan_table()["plans"]
    return render(request, "setup.html", gallery.setup_page(found, rows))


@require_safe
def setup_picture(request: HttpRequest, name: str) -> HttpResponse:
    """A cover or avatar from a creator's own folder; its name is its content's."""
    row = Picture.objects.filter(name=name).first()
    if row is None:
        raise Http404
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(bytes(row.data), content_type="image/webp", headers=headers)


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "help.html", {"plans": shopwindow.plan_table()["plans"]})


# --- What goes wrong ----------------------------------------------------------------------------


def _problem(status: int, title: str) -> JsonResponse:
    return JsonResponse(
        {"type": "about:blank", "title": title, "status": status},
        status=status,
        content_type="application/problem+json",
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(404, "Not found")
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(403, "Forbidden")
    why = exception.message if isinstance(exception, Forbidden) else ""
    return render(request, "403.html", {"why": why}, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its cookie, from elsewhere, or from a page that was open for too long."""
    context = {
        "cookie_missing": reason == REASON_NO_CSRF_COOKIE,
        "host": request.get_host(),
        "again": _page_of_the_form(request),
    }
    return _bare(request, "csrf.html", 403, **context)


def _page_of_the_form(request: HttpRequest) -> str:
    """Where the form stood, which need not be where it was sent."""
    page: str = request.META.get("HTTP_REFERER", "")
    if url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure()):
        return page
    return request.get_full_path()


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(400, "Bad request")
    return _bare(request, "400.html", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(500, _("Something broke on our side."))
    return _bare(request, "500.html", 500)


def _bare(request: HttpRequest, name: str, status: int, **more: object) -> HttpResponse:
    """Without the database, the session or the person: those may be what broke."""
    theme = request.COOKIES.get("atelier-theme", "")
    context = {"theme": theme if theme in THEMES else "", "path": request.path}
    return HttpResponse(loader.get_template(name).render(context | more), status=status)
