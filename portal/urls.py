"""Every address of the portal."""

from __future__ import annotations

from importlib.util import find_spec

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def healthz(_request: HttpRequest) -> HttpResponse:
    """Answers while this process serves; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [path("healthz", healthz)]
for _room in ("portal.accounts", "portal.desktops", "portal.access", "portal.api"):
    if find_spec(f"{_room}.urls"):
        urlpatterns.append(path("", include(f"{_room}.urls")))
