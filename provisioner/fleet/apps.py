from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "provisioner.fleet"
    verbose_name = "Machines"
