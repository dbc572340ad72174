"""The way in, and the gateway's own questions."""

from __future__ import annotations

from django.urls import path

from portal.access import internal, views

app_name = "access"
urlpatterns = [
    path("desktops/<uuid:desktop_id>/open/", views.open_desktop, name="open"),
    path("internal/redeem", internal.redeem, name="redeem"),
    path("internal/authorize", internal.authorize, name="authorize"),
    path("internal/check", internal.check, name="check"),
    path("internal/state", internal.told, name="state"),
    path("internal/take", internal.take, name="take"),
    path("internal/stop", internal.stop, name="stop"),
    path("internal/extend", internal.extend, name="extend"),
]
