from __future__ import annotations

from django.urls import path

from portal.desktops import verbs, views

app_name = "desktops"
urlpatterns = [
    path("desktops/", views.listing, name="list"),
    path("desktops/events/", views.listing_events, name="list-events"),
    path("desktops/new/", views.launch, name="launch"),
    path("desktops/<uuid:desktop_id>/", views.detail, name="detail"),
    path("desktops/<uuid:desktop_id>/events/", views.detail_events, name="events"),
    path("desktops/<uuid:desktop_id>/start/", verbs.start, name="start"),
    path("desktops/<uuid:desktop_id>/stop/", verbs.stop, name="stop"),
    path("desktops/<uuid:desktop_id>/move/", verbs.move, name="move"),
    path("desktops/<uuid:desktop_id>/stay/", verbs.stay, name="stay"),
    path("desktops/<uuid:desktop_id>/delete/", verbs.delete, name="delete"),
    path("desktops/<uuid:desktop_id>/rename/", verbs.rename, name="rename"),
]
