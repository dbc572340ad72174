"""Every address of the portal."""

from __future__ import annotations

from importlib.util import find_spec

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from portal import views


def healthz(_request: HttpRequest) -> HttpResponse:
    """Answers while this process serves; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz),
    path("", views.landing, name="landing"),
    path("stock/", views.stock, name="stock"),
    path("setups/", views.setups, name="setups"),
    path("setups/pictures/<str:name>", views.setup_picture, name="setup-picture"),
    path("setups/<slug:slug>/", views.setup, name="setup"),
    path("help/", views.help_page, name="help"),
    path("i18n/setlang/", set_language, name="set_language"),
]
for _room in ("portal.accounts", "portal.desktops", "portal.access", "portal.api"):
    if find_spec(f"{_room}.urls"):
        urlpatterns.append(path("", include(f"{_room}.urls")))

handler400 = "portal.views.bad_request"
handler403 = "portal.views.forbidden"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"
