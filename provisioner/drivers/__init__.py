"""Worlds in which desktops run, all behind one port (`base.Driver`).

`kubernetes` is a cluster, `local` is this machine, `memory` is a world in a dict, for tests. A
driver knows nothing of the database: it is told what to ensure and answers what it sees.
`chosen()` picks the one that `ATELIER_DRIVER` names, and imports no other.
"""

from __future__ import annotations

from functools import cache

from django.conf import settings

from provisioner.drivers.base import Driver


@cache
def chosen() -> Driver:
    """The driver this process works with; one instance a process."""
    name: str = settings.ATELIER.driver
    if name == "local":
        from provisioner.drivers.local.driver import LocalDriver

        return LocalDriver.from_settings(settings.ATELIER)
    if name == "kubernetes":
        from provisioner.drivers.kubernetes.driver import KubernetesDriver

        return KubernetesDriver.from_settings(settings.ATELIER)
    if name == "memory":
        from provisioner.drivers.memory import MemoryDriver

        return MemoryDriver()
    raise ValueError(f"ATELIER_DRIVER: unknown driver {name!r}; known: kubernetes, local, memory")
