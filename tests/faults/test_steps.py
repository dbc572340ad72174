"""`kill -9` of worker or watch before and after every step it takes: no second pod, no lost
desktop, nothing left behind.

The steps are not a list that somebody keeps: one undisturbed run counts them, and then there is a
desktop for each of them whose worker dies just there. A new worker finds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from portal.accounts.models import Tenant
from provisioner import desktops, lease, reconciler
from provisioner.desktops import Desktop
from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.driver import KubernetesDriver
from provisioner.management.commands.watch import Command
from tests.faults.fuse import Fuse, Killed
from tests.faults.scene import Scene
from tests.running import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


@dataclass
class Crowd:
    """One desktop for each step and side of it, each of a tenant of its own."""

    scene: Scene
    fuse: Fuse
    ids: list[UUID] = field(default_factory=list)

    def grow(self, count: int) -> None:
        for number in range(len(self.ids), count):
            tenant = Tenant.objects.create(name=f"Tenant {number}")
            self.ids.append(self.scene.launch(f"Desktop {number}", tenant=tenant.id))

    def kill_at_every_step(
        self,
        act: Callable[[UUID], None],
        *,
        before: Callable[[UUID], None] = lambda _id: None,
        grow: bool = False,
    ) -> list[str]:
        """`act` for one desktop undisturbed, then for one more at each step, dying there."""
        self.grow(1)
        before(self.ids[0])
        with self.fuse.set(None):
            act(self.ids[0])
        steps = list(self.fuse.steps)
        deaths = [(at, after) for at in range(len(steps)) for after in (False, True)]
        if grow:
            self.grow(1 + len(deaths))
        died = 0
        for id, (at, after) in zip(self.ids[1:], deaths, strict=False):
            before(id)
            with self.fuse.set(at, after=after):
                try:
                    act(id)
                except Killed:
                    died += 1
            self.dies()
        assert len(self.ids) > len(deaths), "too few desktops for so many steps"
        # A new namespace's first rights come a moment late: some runs have a step more or less.
        assert died >= len(deaths) - 4, f"{died} of {len(deaths)} died: {steps}"
        return steps

    def dies(self) -> None:
        """With the process go its locks, and all that it knew by heart."""
        lease.end()
        self.scene.world.driver = self.scene.world.restarted()

    def come_right(self, done: Callable[[Desktop], bool]) -> None:
        """One survey, then a new worker at work, until nothing is left to do."""
        reconciler.survey(self.scene.world.driver)

        self.work_until(lambda: all(done(self.scene.row(id)) for id in self.ids))

    def work_until(self, look: Callable[[], bool]) -> None:
        def right() -> bool:
            self.scene.work()
            reconciler.survey(self.scene.world.driver)
            return look()

        eventually(right, seconds=60, what="that a new worker makes all of it right")

    @contextmanager
    def no_room(self) -> Iterator[None]:
        """Pods stay pending, as a kubelet keeps those whose secret is missing. (kwok's do not.)"""
        self._let_in(False)
        try:
            yield
        finally:
            self._let_in(True)

    def _let_in(self, yes: bool) -> None:
        api = self.scene.world.cluster.api
        for node in api.list("/api/v1/nodes"):
            path = f"/api/v1/nodes/{node['metadata']['name']}"
            api.patch(path, {"spec": {"unschedulable": None if yes else True}})

    def left(self, kind: str) -> list[str]:
        selector = names.selector(self.scene.world.prefix)
        found = self.scene.world.cluster.api.list(f"/api/v1/{kind}", labelSelector=selector)
        return sorted(one["metadata"]["name"] for one in found)


@pytest.fixture
def crowd(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    return Crowd(scene, Fuse(monkeypatch))


def running(desktop: Desktop) -> bool:
    return str(desktop.status) == "running"


def test_a_worker_dies_at_every_step(crowd: Crowd) -> None:
    scene = crowd.scene

    def work(id: UUID) -> None:
        lease.make_due([id])
        reconciler.reconcile(scene.world.driver, id)

    with crowd.no_room():
        launching = crowd.kill_at_every_step(work, grow=True)
        crowd.work_until(lambda: len(crowd.left("secrets")) == len(crowd.ids))
    assert {"POST", "claim", "write", "release"} <= {step.split()[0] for step in launching}
    kinds = ("rolebindings", "persistentvolumeclaims", "pods", "secrets")
    assert all(any(step.endswith(f"/{kind}") for step in launching) for kind in kinds), launching
    crowd.come_right(running)
    scene.no_second_pod(crowd.ids)
    assert crowd.left("pods") == sorted(names.pod(id) for id in crowd.ids)
    assert crowd.left("persistentvolumeclaims") == sorted(names.claim(id) for id in crowd.ids)
    assert len(crowd.left("secrets")) == len(crowd.ids)

    scene.wish(desktops.stop, crowd.ids)
    stopping = crowd.kill_at_every_step(work)
    assert any(step.startswith("DELETE") for step in stopping), stopping
    crowd.come_right(lambda desktop: str(desktop.status) == "stopped")
    assert crowd.left("pods") == []
    eventually(lambda: crowd.left("secrets") == [], what="no secret")
    assert len(crowd.left("persistentvolumeclaims")) == len(crowd.ids), "a disk was lost"

    scene.wish(desktops.delete, crowd.ids)
    deleting = crowd.kill_at_every_step(work)
    assert any("persistentvolumeclaims" in step for step in deleting), deleting
    crowd.come_right(lambda desktop: desktop.erased_at is not None)
    eventually(lambda: crowd.left("persistentvolumeclaims") == [], what="no disk")
    scene.no_second_pod(crowd.ids)
    scene.nothing_wrong_was_written(crowd.ids)


def test_a_watch_dies_at_every_step(crowd: Crowd) -> None:
    scene = crowd.scene
    watch = Command()

    def hears(driver: KubernetesDriver, until: str, id: UUID) -> None:
        """A watch from its beginning until it has written this down."""
        news = driver.changes()
        try:
            for one in news:
                watch._take_in(driver, one)
                if str(scene.row(id).observed) == until:
                    return
        finally:
            news.close()

    def starts(id: UUID) -> None:
        reconciler.reconcile(scene.world.driver, id)
        scene.witness.until(id.hex, "ready")

    def stops(id: UUID) -> None:
        scene.wish(desktops.stop, [id])
        reconciler.reconcile(scene.world.driver, id)
        scene.witness.until(id.hex, "absent")

    steps = crowd.kill_at_every_step(
        lambda id: hears(scene.world.driver, "ready", id), before=starts, grow=True
    )
    assert {"take_in", "take_down"} <= set(steps)
    crowd.come_right(running)
    scene.no_second_pod(crowd.ids)
    crowd.kill_at_every_step(lambda id: hears(scene.world.driver, "absent", id), before=stops)
    scene.wish(desktops.stop, crowd.ids)
    crowd.come_right(lambda desktop: str(desktop.status) == "stopped")
    assert crowd.left("pods") == []
    scene.nothing_wrong_was_written(crowd.ids)
