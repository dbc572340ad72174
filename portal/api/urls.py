"""Addresses of the API. Every one below /api/ answers JSON, the wrong ones too."""

from __future__ import annotations

from django.urls import path, re_path

from portal.api.views import catalogue, desktops
from portal.api.views.base import Nowhere
from portal.api.views.docs import docs
from portal.api.views.schema import SchemaView

app_name = "api"
urlpatterns = [
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", docs, name="docs"),
    path("api/v1/plans/", catalogue.PlansView.as_view(), name="plans"),
    path("api/v1/setups/", catalogue.SetupsView.as_view(), name="setups"),
    path("api/v1/desktops/", desktops.DesktopsView.as_view(), name="desktops"),
    path("api/v1/desktops/<uuid:desktop_id>/", desktops.DesktopView.as_view(), name="desktop"),
    path("api/v1/desktops/<uuid:desktop_id>/start/", desktops.StartView.as_view(), name="start"),
    path("api/v1/desktops/<uuid:desktop_id>/stop/", desktops.StopView.as_view(), name="stop"),
    path("api/v1/desktops/<uuid:desktop_id>/move/", desktops.MoveView.as_view(), name="move"),
    path("api/v1/desktops/<uuid:desktop_id>/stay/", desktops.StayView.as_view(), name="stay"),
    path("api/v1/desktops/<uuid:desktop_id>/open/", desktops.OpenView.as_view(), name="open"),
    path(
        "api/v1/desktops/<uuid:desktop_id>/timeline/",
        desktops.TimelineView.as_view(),
        name="timeline",
    ),
    re_path(r"^api(?:/[\s\S]*)?$", Nowhere.as_view(), name="nowhere"),
]
