from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Here and not in portal/__init__: the gateway and the supervisor import the package
        # too, and want neither Celery nor Django.
        import portal.celery  # noqa: F401
