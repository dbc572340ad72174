from django.apps import AppConfig
from django.contrib.admin import apps as admin  # by module: two configs of its own would be found


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"
    default = True

    def ready(self) -> None:
        from portal.accounts import signals

        signals.connect()


class StaffConfig(admin.AdminConfig):
    """django.contrib.admin, behind our own door."""

    default = False
    default_site = "portal.accounts.staff.StaffSite"
