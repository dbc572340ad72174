"""The operators' pages. For everybody else they do not exist; staff without a second step are sent
to set one up. What staff look at leaves a line in the audit."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from portal.accounts import audit
from portal.accounts.models import User
from portal.middleware import CONTENT_SECURITY_POLICY

# The admin's own scripts evaluate the expressions in its pages. Nowhere else is that allowed, and
# nobody without a second step gets this far.
POLICY = CONTENT_SECURITY_POLICY.replace(
    "script-src 'self'", "script-src 'self' 'unsafe-eval'"
).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")

View = Callable[..., HttpResponseBase]


# Whose tables are shown. Libraries would add theirs, secrets and session keys among them.
SHOWN = ("accounts", "catalog")


class StaffSite(UnfoldAdminSite):  # type: ignore[misc]
    def register(self, models: Any, admin_class: Any = None, **options: Any) -> None:
        chosen = models if isinstance(models, list | tuple) else [models]
        shown = [model for model in chosen if model._meta.app_label in SHOWN]
        super().register(shown, admin_class, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        inner: View = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _door(request) or _watched(request, inner(request, *args, **kwargs))

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one log-in, and it is not here."""
        return _door(request) or redirect("admin:index")

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_active and user.is_staff and is_mfa_enabled(user))


def _door(request: HttpRequest) -> HttpResponse | None:
    user = request.user
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        raise Http404
    if not is_mfa_enabled(user):
        messages.warning(request, _("Staff pages need a second step. Set it up first."))
        return redirect("mfa_activate_totp")
    return None


def _watched(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    assert isinstance(request.user, User)
    action = "staff.saw" if request.method == "GET" else "staff.did"
    if not request.path.endswith("/jsi18n/"):
        audit.record_person(request.user, action, path=request.get_full_path()[:300])
    response.headers["Content-Security-Policy"] = POLICY
    return response
