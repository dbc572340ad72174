"""What a driver is told of a desktop: what was sold, in the port's words."""

from __future__ import annotations

from provisioner.drivers.base import FILES, App, DesktopSpec, GpuNeed
from provisioner.models import Desktop


def spec_of(desktop: Desktop) -> DesktopSpec:
    """This launch of it."""
    sold = desktop.spec
    gpu = None
    if sold.get("gpu_class"):
        gpu = GpuNeed(
            gpu_class=sold["gpu_class"],
            count=sold["gpu_count"],
            vram_mib=sold["vram_mib"],
            resource=sold["gpu_resource"],
            node_labels=tuple(sorted(sold["gpu_node_labels"].items())),
        )
    return DesktopSpec(
        id=desktop.id,
        tenant=desktop.tenant_id,
        generation=desktop.generation,
        name=desktop.name,
        setup=sold["setup"],
        setup_version=sold["setup_version"],
        setup_digest=sold.get("setup_digest", ""),
        image=sold["image"],
        cpu_millis=sold["cpu_millis"],
        memory_mib=sold["memory_mib"],
        disk_gib=sold["disk_gib"],
        secret=desktop.secret,
        gpu=gpu,
        disk_known=desktop.ready_generation is not None,
        apps=(*(App(name=app["name"], port=app["port"]) for app in sold["apps"]), FILES),
    )
