"""What every driver promises, as one suite: `drivers/base.py` says it, this shows it.

A driver's own test file makes a `World` of it, in a fixture called `world`, and inherits
`Contract`. Nothing here knows how a desktop runs, only what can be asked and what is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import App, DesktopSpec, Driver, GpuNeed, News, Observation
from provisioner.errors import DriverUnavailable, NoCapacity
from provisioner.states import Observed
from tests.running import eventually

TENANT = uuid4()
# Where a world has many machines, only those with this label hold the cards of this suite.
CARDS = (("nvidia.com/gpu.product", "Contract"),)


def a_spec(id: UUID | None = None, *, generation: int = 1, **changes: object) -> DesktopSpec:
    values: dict[str, object] = {
        "id": id or uuid4(),
        "tenant": TENANT,
        "generation": generation,
        "name": "Rainy crossing",
        "setup": "blank",
        "image": "registry.test/desk:1",
        "cpu_millis": 2000,
        "memory_mib": 2048,
        "disk_gib": 10,
        "secret": f"secret-{generation}-{uuid4().hex}",
        "gpu": GpuNeed(gpu_class="rtx-a4000", count=1, vram_mib=16384, node_labels=CARDS),
        "apps": (App(name="webui", port=7860),),
    }
    return DesktopSpec(**(values | changes))  # type: ignore[arg-type]


class World(Protocol):
    """One driver, and what a test may do to the world behind it."""

    driver: Driver
    capacity: int

    def restarted(self) -> Driver:
        """The driver of a worker that was started after the other one died."""

    def becomes_ready(self, id: UUID) -> None:
        """Let it go on until it is ready."""

    def dies(self, id: UUID) -> None:
        """What runs ends by itself."""

    def has_disk(self, id: UUID) -> bool:
        """Whether the kept files are there."""

    def blinded(self) -> AbstractContextManager[None]:
        """While this lasts, the driver cannot see the world."""


def look(driver: Driver, id: UUID) -> Observation:
    [seen] = driver.observe([id])
    return seen


def existing(driver: Driver) -> set[UUID]:
    return {seen.id for seen in driver.survey().seen}


class Contract:
    """Inherit it, and give a `world`."""

    @pytest.fixture
    def world(self) -> Iterator[World]:
        raise NotImplementedError

    # --- Looking ------------------------------------------------------------------------------

    def test_it_answers_absent_for_what_it_never_heard_of(self, world: World) -> None:
        seen = look(world.driver, uuid4())
        assert (seen.observed, seen.generation) == (Observed.ABSENT, None)
        assert seen.endpoint == ""

    def test_it_answers_for_every_id_it_was_asked_about(self, world: World) -> None:
        spec, unknown = a_spec(), uuid4()
        world.driver.start(spec)
        answers = {seen.id: seen.observed for seen in world.driver.observe([spec.id, unknown])}
        assert set(answers) == {spec.id, unknown}
        assert answers[unknown] == Observed.ABSENT
        assert answers[spec.id] in (Observed.PENDING, Observed.READY)

    def test_it_lists_what_exists_and_nothing_else(self, world: World) -> None:
        stays, goes = a_spec(), a_spec()
        assert existing(world.driver) == set()
        world.driver.start(stays)
        world.driver.start(goes)
        assert existing(world.driver) == {stays.id, goes.id}
        self._gone(world, goes.id)
        assert existing(world.driver) == {stays.id}

    def test_it_says_when_it_looked(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        before = datetime.now(UTC)
        seen = look(world.driver, spec.id)
        assert before <= seen.at <= datetime.now(UTC)
        assert look(world.driver, spec.id).at > seen.at

    def test_silence_is_not_an_observation(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        with world.blinded():
            with pytest.raises(DriverUnavailable):
                world.driver.observe([spec.id])
            with pytest.raises(DriverUnavailable):
                world.driver.survey()
        assert look(world.driver, spec.id).observed != Observed.ABSENT

    # --- Starting -----------------------------------------------------------------------------

    def test_it_starts_and_becomes_ready_with_an_endpoint(self, world: World) -> None:
        spec = a_spec(generation=3)
        world.driver.start(spec)
        seen = look(world.driver, spec.id)
        assert seen.generation == 3
        if seen.observed == Observed.PENDING:
            assert seen.endpoint == ""
        world.becomes_ready(spec.id)
        seen = look(world.driver, spec.id)
        assert (seen.observed, seen.generation, seen.cause) == (Observed.READY, 3, "")
        assert seen.endpoint.startswith(("unix:", "http://"))

    def test_starting_what_runs_changes_nothing(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        world.becomes_ready(spec.id)
        before = look(world.driver, spec.id)
        world.driver.start(spec)
        world.driver.start(a_spec(spec.id, generation=2))
        after = look(world.driver, spec.id)
        assert (after.observed, after.generation) == (Observed.READY, 1)
        assert after.endpoint == before.endpoint

    def test_two_workers_starting_at_once_start_one(self, world: World) -> None:
        spec, errors = a_spec(), []
        gate = threading.Barrier(4)

        def worker(driver: Driver, generation: int) -> None:
            gate.wait()
            try:
                driver.start(a_spec(spec.id, generation=generation))
            except Exception as error:
                errors.append(error)

        drivers = [world.driver, world.restarted(), world.driver, world.restarted()]
        threads = [
            threading.Thread(target=worker, args=(driver, number))
            for number, driver in enumerate(drivers, 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert errors == []
        assert existing(world.driver) == {spec.id}
        generation = look(world.driver, spec.id).generation
        world.becomes_ready(spec.id)
        assert look(world.driver, spec.id).generation == generation

    def test_it_says_so_when_nothing_is_free(self, world: World) -> None:
        taken = [a_spec() for _ in range(world.capacity)]
        for spec in taken:
            world.driver.start(spec)
        late = a_spec()
        refused = self._refused(world, late)
        world.driver.start(taken[0])  # what runs already needs no place
        self._gone(world, taken[0].id)
        if refused:
            world.driver.start(late)
        world.becomes_ready(late.id)
        assert look(world.driver, late.id).observed == Observed.READY

    def _refused(self, world: World, late: DesktopSpec) -> bool:
        """Whether it is refused at once; else it waits in the world's own line, and says so."""
        try:
            world.driver.start(late)
        except NoCapacity as refusal:
            assert refusal.cause == "gpu_none_free"
            assert refusal.detail == {"total": world.capacity}
            assert look(world.driver, late.id).observed == Observed.ABSENT
            return True
        eventually(lambda: look(world.driver, late.id).cause == "gpu_none_free")
        assert look(world.driver, late.id).observed == Observed.PENDING
        return False

    # --- Ending -------------------------------------------------------------------------------

    def test_stop_keeps_the_disk_and_erase_removes_it(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        self._gone(world, spec.id)
        assert world.has_disk(spec.id)
        world.driver.erase(spec.id)
        assert not world.has_disk(spec.id)

    def test_erase_stops_first_what_still_runs(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        world.driver.erase(spec.id)
        assert look(world.driver, spec.id).observed == Observed.ABSENT
        assert not world.has_disk(spec.id)

    def test_every_verb_may_be_called_twice_and_for_what_never_was(self, world: World) -> None:
        unknown, spec = uuid4(), a_spec()
        for _twice in range(2):
            world.driver.stop(unknown)
            world.driver.erase(unknown)
        assert look(world.driver, unknown).observed == Observed.ABSENT
        world.driver.start(spec)
        for _twice in range(2):
            self._gone(world, spec.id)
        for _twice in range(2):
            world.driver.erase(spec.id)
        world.driver.stop(spec.id)
        assert look(world.driver, spec.id).observed == Observed.ABSENT

    def test_it_starts_again_after_a_stop_as_a_new_generation(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        self._gone(world, spec.id)
        world.driver.start(a_spec(spec.id, generation=2))
        world.becomes_ready(spec.id)
        assert look(world.driver, spec.id).generation == 2

    def test_what_died_is_failed_until_it_is_stopped(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        world.becomes_ready(spec.id)
        world.dies(spec.id)
        seen = look(world.driver, spec.id)
        assert (seen.observed, seen.generation) == (Observed.FAILED, 1)
        assert (seen.cause, seen.endpoint) == ("desktop_died", "")
        world.driver.start(a_spec(spec.id, generation=2))
        assert look(world.driver, spec.id).observed == Observed.FAILED
        self._gone(world, spec.id)
        assert world.has_disk(spec.id)

    # --- Across workers -----------------------------------------------------------------------

    def test_a_restarted_worker_sees_and_stops_what_the_dead_one_started(
        self, world: World
    ) -> None:
        spec = a_spec()
        world.driver.start(spec)
        world.becomes_ready(spec.id)
        heir = world.restarted()
        assert existing(heir) == {spec.id}
        assert look(heir, spec.id).observed == Observed.READY
        heir.stop(spec.id)
        eventually(lambda: look(heir, spec.id).observed == Observed.ABSENT)
        assert look(world.driver, spec.id).observed == Observed.ABSENT

    def test_it_hears_a_death(self, world: World) -> None:
        spec = a_spec()
        world.driver.start(spec)
        world.becomes_ready(spec.id)
        heard: list[News] = []
        failed = threading.Event()

        def listen() -> None:
            while not failed.is_set():
                for news in world.driver.changes():
                    heard.append(news)
                    if look(world.driver, spec.id).observed == Observed.FAILED:
                        failed.set()
                        return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        world.dies(spec.id)
        assert failed.wait(10), f"heard only {heard}"
        last = heard[-1]
        known = {seen.id for seen in last.seen + (last.world.seen if last.world else ())}
        assert spec.id in {*known, *last.moved} or last.unclear

    def _gone(self, world: World, id: UUID) -> None:
        world.driver.stop(id)
        eventually(lambda: look(world.driver, id).observed == Observed.ABSENT, what=f"{id} gone")
