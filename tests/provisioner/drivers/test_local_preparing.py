"""The first launch of a setup prepares it, for all to see; what is cut short goes on later."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from provisioner.drivers.local import processes
from provisioner.errors import SpecRejected
from provisioner.states import Observed
from tests.images.recipes import a_setup, a_wheel, line
from tests.provisioner.drivers.contract import a_spec, look
from tests.provisioner.drivers.local_world import ROOMS, LocalWorld, needs_sandbox
from tests.running import eventually

pytestmark = [pytest.mark.desktop, needs_sandbox]

# Waits until it is told to go on; so a test decides how long preparing takes.
WAIT = """\
import time
from pathlib import Path

while not Path({go!r}).exists():
    time.sleep(0.02)
with open({runs!r}, "a") as runs:
    runs.write("x")
"""


class Prepared(LocalWorld):
    """A world with one setup that takes a while."""

    def __init__(self, data: Path, place: Path) -> None:
        self.place = place
        images = place / "images"
        shutil.copytree(ROOMS, images)
        self.go, self.runs = place / "go", place / "runs"
        step = WAIT.format(go=str(self.go), runs=str(self.runs))
        a_setup(images, requirements=line(a_wheel(place / "wheels")), steps={"wait.py": step})
        super().__init__(data, images=images)

    def begins(self, **changes: object) -> UUID:
        spec = a_spec(setup="tiny", setup_version="1.0", **changes)
        self.driver.start(spec)
        eventually(lambda: self.amount(spec.id).get("what") == "steps", what=self.said(spec.id))
        return spec.id

    def amount(self, id: UUID) -> dict[str, object]:
        """How far its setup has come."""
        phases = look(self.driver, id).progress["phases"]
        return next((phase for phase in phases if phase["key"] == "setup"), {})

    def prepared(self) -> bool:
        return self.driver.shelf.find("tiny") is not None


@pytest.fixture
def world(data: Path, tmp_path: Path) -> Iterator[Prepared]:
    world = Prepared(data, tmp_path)
    yield world
    world.go.touch()
    world.end()


def test_it_is_seen_to_be_prepared_and_then_it_runs(world: Prepared) -> None:
    id = world.begins()
    seen = look(world.driver, id)
    assert (seen.observed, seen.generation) == (Observed.PENDING, 1)
    assert world.amount(id)["total"] == 1
    assert seen.progress["moved_at"]
    world.go.touch()
    world.becomes_ready(id)
    seen = look(world.driver, id)
    setup = next(phase for phase in seen.progress["phases"] if phase["key"] == "setup")
    assert setup["started_at"] < setup["ended_at"]
    assert "moved_at" not in seen.progress
    inside = f"/proc/{world.state(id).pid}/root/opt/setups"
    assert world.driver.shelf.find("tiny").setup.name in os.listdir(inside)  # type: ignore[union-attr]


def test_the_second_launch_prepares_nothing(world: Prepared) -> None:
    world.go.touch()
    for _ in range(2):
        spec = a_spec(setup="tiny")
        world.driver.start(spec)
        world.becomes_ready(spec.id)
    assert world.runs.read_text() == "x"


def test_two_first_launches_at_once_prepare_it_once(world: Prepared) -> None:
    ids = [world.begins()]
    second = a_spec(setup="tiny")
    world.driver.start(second)
    assert look(world.driver, second.id).observed == Observed.PENDING
    world.go.touch()
    for id in (*ids, second.id):
        world.becomes_ready(id)
    assert world.runs.read_text() == "x"


def test_cancelling_ends_it_at_once_and_the_next_goes_on(world: Prepared) -> None:
    id = world.begins()
    preparer = world.state(id).preparer
    world.driver.stop(id)
    assert processes.start_ticks(preparer) == 0
    assert world.processes(id) == []
    assert look(world.driver, id).observed == Observed.ABSENT
    packages = list(world.driver.shelf.folder.glob("env-*"))
    assert len(packages) == 1  # fetched already, and kept
    world.go.touch()
    world.driver.start(a_spec(id, setup="tiny", generation=2))
    world.becomes_ready(id)


def test_whoever_waits_goes_on_when_the_one_who_prepares_is_cancelled(world: Prepared) -> None:
    first = world.begins()
    second = a_spec(setup="tiny")
    world.driver.start(second)
    world.driver.erase(first)
    world.go.touch()
    world.becomes_ready(second.id)


def test_a_dead_worker_changes_nothing(world: Prepared) -> None:
    id = world.begins()
    adopted = world.restarted()  # knows nothing but what is written down
    assert look(adopted, id).observed == Observed.PENDING
    world.go.touch()
    eventually(lambda: look(adopted, id).observed == Observed.READY, what=world.said(id))


def test_when_it_is_killed_the_desktop_has_failed_and_can_be_tried_again(world: Prepared) -> None:
    id = world.begins()
    os.kill(world.state(id).preparer, signal.SIGKILL)
    eventually(lambda: look(world.driver, id).observed == Observed.FAILED, what="that it is seen")
    world.driver.stop(id)
    world.go.touch()
    world.driver.start(a_spec(id, setup="tiny", generation=2))
    world.becomes_ready(id)


def test_what_cannot_be_fetched_is_said_with_its_reason(world: Prepared, tmp_path: Path) -> None:
    listed = line(a_wheel(tmp_path / "wheels"))
    for wheel in (tmp_path / "wheels").iterdir():
        wheel.unlink()
    a_setup(world.images, requirements=listed)
    spec = a_spec(setup="tiny")
    world.driver.start(spec)
    eventually(lambda: look(world.driver, spec.id).observed == Observed.FAILED)
    seen = look(world.driver, spec.id)
    assert seen.cause == "setup_failed"
    assert "tiny_atelier" in "\n".join(seen.detail["log"])


def test_a_version_that_is_not_here_is_refused_for_good(world: Prepared) -> None:
    with pytest.raises(SpecRejected) as refusal:
        world.driver.start(a_spec(setup="tiny", setup_version="0.9"))
    assert refusal.value.cause == "setup_not_here"
