"""Alice's desktops on a cluster, with a worker and a watch of her own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings as django_settings

from portal.accounts.models import User
from provisioner import desktops, reconciler
from provisioner.desktops import Desktop, Spec
from provisioner.drivers.kubernetes import manifests, watch
from tests.cluster.access import Cluster
from tests.provisioner.conftest import SPEC
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.provisioner.kubernetes.engine import Engine

A4000 = {"nvidia.com/gpu.product": "NVIDIA-RTX-A4000"}
POD_SPEC = replace(
    SPEC,
    image="registry.test/desk:1",
    cpu_millis=2000,
    memory_mib=4096,
    gpu_node_labels=A4000,
    apps=({"name": "webui", "port": 7860},),
)


@pytest.fixture(autouse=True)
def every_nudge_is_lost() -> None:
    """Not here: the engine has a queue of its own."""


@pytest.fixture
def world(
    cluster: Cluster, alice: User, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesWorld]:
    monkeypatch.setattr(django_settings.ATELIER, "driver", "kubernetes")
    # Sooner than for people; in the same order.
    monkeypatch.setattr(reconciler, "BACKOFF", [timedelta(seconds=0.2)] * 4)
    monkeypatch.setattr(reconciler, "HEARD_AGAIN", timedelta(seconds=3))
    monkeypatch.setattr(manifests, "STOP_S", 1)
    monkeypatch.setattr(watch, "MACHINES_S", 1.0)
    monkeypatch.setattr(watch, "TICK_S", 0.5)
    tenant = alice.personal_tenant.id
    world = KubernetesWorld(cluster, tenant=tenant)
    yield world
    world.end()


@pytest.fixture
def engine(world: KubernetesWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = Engine(world, monkeypatch)
    engine.start()
    yield engine
    engine.end()


@pytest.fixture
def launch(engine: Engine) -> Callable[..., UUID]:
    """Launch one; `fails` is what becomes of its pods, `changes` of what is sold."""

    def launch(*, fails: str = "", name: str = "Rainy crossing", **changes: object) -> UUID:
        image = f"registry.test/desk:fails-{fails}" if fails else POD_SPEC.image
        spec: Spec = replace(POD_SPEC, **({"image": image} | changes))  # type: ignore[arg-type]
        made: Desktop = desktops.launch(tenant_id=engine.world.tenant, name=name, spec=spec)
        return made.id

    return launch
