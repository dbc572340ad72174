"""A real cluster, a proxy that hurts what passes to it, and a witness of what really happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as django_settings

from portal.accounts.models import Tenant
from provisioner import lease, nudge, reconciler, stock
from provisioner.drivers.kubernetes import manifests
from tests.cluster.control_plane import ControlPlane
from tests.faults.kube_proxy import FaultProxy
from tests.faults.scene import Scene
from tests.faults.witness import Witness
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane) as one:
        yield one


@pytest.fixture
def scene(
    control_plane: ControlPlane, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """Alice's desktops on the cluster. The hand is moved by the test, and hears no nudge."""
    monkeypatch.setattr(nudge, "send", lambda _ids: None)
    monkeypatch.setattr(nudge, "send_clear", lambda _id: None)
    monkeypatch.setattr(stock, "_latest", None)
    monkeypatch.setattr(django_settings.ATELIER, "driver", "kubernetes")
    monkeypatch.setattr(django_settings.ATELIER, "tenant_running_limit", 0)
    monkeypatch.setattr(reconciler, "BACKOFF", [timedelta(seconds=0.2)] * 4)
    monkeypatch.setattr(manifests, "STOP_S", 1)
    tenant = Tenant.objects.create(name="Alice")
    world = KubernetesWorld(control_plane, tenant=tenant.id)
    with Witness(control_plane, world.prefix) as witness:
        yield Scene(world, witness, tenant.id)
    for seen in world.driver.survey().seen:
        world.driver.erase(seen.id)  # of whichever tenant
    world.end()
    lease.end()
