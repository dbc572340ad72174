from django.apps import AppConfig


class DesktopsConfig(AppConfig):
    name = "portal.desktops"
    label = "desktops"
