"""Desktops on a real cluster and the hand that works on them, for tests to hurt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction

from provisioner import desktops, reconciler, timeline
from provisioner.desktops import Desktop, Spec
from provisioner.models import Transition
from tests.faults.witness import Witness
from tests.provisioner.conftest import SPEC
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.running import eventually

# Without a card: any machine of the test cluster will do.
POD_SPEC: Spec = replace(
    SPEC,
    image="registry.test/desk:1",
    cpu_millis=500,
    memory_mib=1024,
    disk_gib=10,
    gpu_class="",
    gpu_count=0,
    vram_mib=0,
)


@dataclass
class Scene:
    world: KubernetesWorld
    witness: Witness
    tenant: UUID

    def launch(self, name: str = "Rainy crossing", *, tenant: UUID | None = None) -> UUID:
        made: Desktop = desktops.launch(tenant_id=tenant or self.tenant, name=name, spec=POD_SPEC)
        return made.id

    def wish(self, verb: Callable[[UUID], Desktop], ids: Iterable[UUID]) -> None:
        for id in ids:
            with transaction.atomic():
                verb(id)

    def wish_stopped(self, id: UUID) -> None:
        self.wish(desktops.stop, [id])
        self.work()

    def work(self) -> None:
        """What a worker does at a sweep."""
        for id in reconciler.due():
            reconciler.reconcile(self.world.driver, id)

    def row(self, id: UUID) -> Desktop:
        return Desktop.objects.get(id=id)

    # --- What a test asks ---------------------------------------------------------------------

    def written(self, states: dict[UUID, str], *, seconds: float = 30) -> None:
        """Waits until this is what is written of these; nobody works meanwhile."""

        def now() -> dict[UUID, str]:
            return {id: str(self.row(id).observed) for id in states}

        try:
            eventually(lambda: now() == states, seconds=seconds)
        except AssertionError:
            assert now() == states, f"not written within {seconds:g} s"

    def nothing_wrong_was_written(self, ids: Iterable[UUID]) -> None:
        """Every state that the eye wrote down really was, in the order in which it was."""
        for id in ids:
            chain = timeline.entries(id)
            assert [entry.seq for entry in chain] == list(range(1, len(chain) + 1))
            eye = [str(e.observed) for e in chain if e.source == Transition.Source.EYE]
            steps = [state for at, state in enumerate(eye) if at == 0 or state != eye[at - 1]]
            really = iter(["absent", *(seen.state for seen in self.witness.history[id.hex])])
            for state in steps:
                assert any(state == was for was in really), f"{state} was never so, or not then"

    def no_second_pod(self, ids: Iterable[UUID], *, pods: int = 1) -> None:
        """Each launch has had this many pods, and not one more."""
        for id in ids:
            made = self.witness.pods_of(id.hex)
            assert made, f"{id}: there never was a pod"
            assert all(len(uids) == pods for uids in made.values()), f"{id}: {made}"
