"""A tenant, a world in a dict, and a hand to drive it with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import Tenant
from provisioner import desktops, lease, nudge, observer, reconciler, stock
from provisioner.desktops import Desktop, Spec
from provisioner.drivers.memory import MemoryDriver
from provisioner.states import Observed

SPEC = Spec(
    plan="aigc-a4000",
    plan_title="AIGC A4000",
    setup="blank",
    setup_title_en="Blank",
    setup_title_zh="空白",
    setup_version="1",
    image="",
    cpu_millis=16000,
    memory_mib=32768,
    disk_gib=300,
    gpu_class="rtx-a4000",
    gpu_title="RTX A4000",
    gpu_count=1,
    vram_mib=16384,
    gpu_resource="nvidia.com/gpu",
)


@pytest.fixture(autouse=True)
def every_nudge_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is never told anything: what these tests show holds without the broker."""
    monkeypatch.setattr(nudge, "send", lambda _ids: None)


@pytest.fixture(autouse=True)
def no_worker_lives_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test's worker is a new process: no lock, no snapshot of what was in the tables."""
    monkeypatch.setattr(stock, "_latest", None)
    yield
    lease.end()


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Alice")


@dataclass
class Room:
    """The engine room on a pretended world."""

    tenant: Tenant
    world: MemoryDriver

    def launch(self, name: str = "Rainy crossing") -> Desktop:
        return desktops.launch(tenant_id=self.tenant.id, name=name, spec=SPEC)

    def work(self, rounds: int = 1) -> None:
        """Let every deadline pass and do what is due."""
        for _round in range(rounds):
            time_passes()
            for desktop_id in reconciler.due():
                reconciler.reconcile(self.world, desktop_id)

    def get(self, desktop_id: UUID) -> Desktop:
        return Desktop.objects.get(id=desktop_id)

    def running(self, name: str = "Rainy crossing") -> Desktop:
        desktop = self.launch(name)
        self.work()
        self.world.advance(desktop.id, Observed.READY)
        self.work()
        return self.get(desktop.id)

    def look(self, desktop_id: UUID) -> Desktop:
        return observer.look(self.world, desktop_id)


def time_passes() -> None:
    """Every lease and every timer runs out."""
    Desktop.objects.filter(look_after__isnull=False).update(look_after=timezone.now())
    Desktop.objects.filter(look_after__isnull=False).update(
        look_after=F("look_after") - timezone.timedelta(seconds=1)
    )


@pytest.fixture
def room(tenant: Tenant, settings: object) -> Room:
    return Room(tenant=tenant, world=MemoryDriver())
