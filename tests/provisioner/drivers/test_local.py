"""Desktops on this machine keep every driver's promises, hear the world, and keep homes apart.

`test_session.py` has the real session; here a small one stands in for it.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from provisioner.drivers.base import Driver
from provisioner.errors import DriverError, SpecRejected
from provisioner.states import Observed
from tests.provisioner.drivers.contract import Contract, a_spec, look
from tests.provisioner.drivers.local_world import KIND, LocalWorld, needs_sandbox
from tests.running import eventually

pytestmark = [pytest.mark.desktop, needs_sandbox]


class TestLocal(Contract):
    @pytest.fixture
    def world(self, data: Path) -> Iterator[LocalWorld]:
        world = LocalWorld(data)
        yield world
        world.end()


class TestWithoutSandbox(Contract):
    """The same promises where nothing can be isolated; the page says so."""

    @pytest.fixture
    def world(self, data: Path) -> Iterator[LocalWorld]:
        world = LocalWorld(data, plain=True)
        yield world
        world.end()

    def test_it_says_that_nothing_is_isolated(self, world: LocalWorld) -> None:
        seen = look(world.driver, world.start())
        assert {"isolation", "network"} <= set(seen.limits)

    def test_it_finds_what_forked_and_hid(self, world: LocalWorld) -> None:
        id = world.start("for n in 1 2 3; do (setsid sleep 1000 &); done; echo x >answer")
        world.answer(id)
        assert len(world.processes(id)) >= 5
        world.driver.stop(id)
        assert world.processes(id) == []


# --- Homes --------------------------------------------------------------------------------------


def test_the_home_is_there_again_after_a_stop_with_the_same_owner(world: LocalWorld) -> None:
    id = world.start("id -u >answer")
    owner = world.answer(id)
    world.driver.stop(id)
    other = world.start("id -u >answer")  # takes the place that became free
    assert world.answer(other) != owner or KIND != "root"
    (world.folder(id).home / "answer").unlink()
    world.driver.start(a_spec(id, generation=2))
    assert world.answer(id) == owner


def test_a_full_disk_is_said_to_be_full(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_arguments: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    spec = a_spec()
    monkeypatch.setattr("provisioner.drivers.local.sandbox.write_etc", no_room)
    with pytest.raises(DriverError) as refusal:
        world.driver.start(spec)
    assert refusal.value.cause == "disk_full"
    assert look(world.driver, spec.id).observed == Observed.ABSENT


@pytest.mark.parametrize("setup", ["nothing-like-it", "../desktop", "", "."])
def test_an_unknown_setup_is_refused_for_good(world: LocalWorld, setup: str) -> None:
    with pytest.raises(SpecRejected):
        world.driver.start(a_spec(setup=setup))


def test_what_a_tenant_writes_about_itself_is_cut_to_shape(world: LocalWorld) -> None:
    tricks = [
        "ln -s /etc/passwd progress.json",
        "mkfifo progress.json",
        "mkdir progress.json",
        "head -c 200000 /dev/zero >progress.json",
        "printf '[%.0s' $(seq 60000) >progress.json",
        """echo '{"ready": "yes", "phases": [{"key": "<b>", "started_at": 3}]}' >progress.json""",
    ]
    for trick in tricks:
        id = world.start(
            "until [ -e go ]; do sleep 0.02; done\n"
            f"cd $DESK_RUN; rm -f progress.json; {trick}; echo x >~/answer"
        )
        (world.folder(id).home / "go").touch()
        world.answer(id)
        seen = look(world.driver, id)
        assert (seen.observed, seen.endpoint) == (Observed.PENDING, ""), trick
        assert "<b>" not in json.dumps(seen.progress)
        world.driver.erase(id)


# --- Hearing ------------------------------------------------------------------------------------


class Ear:
    """The watch process: listens in a thread of its own, with a driver of its own."""

    def __init__(self, driver: Driver) -> None:
        self.heard: list[tuple[float, UUID | None]] = []
        self.changes = driver.changes()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for news in self.changes:
            self.heard += [(time.monotonic(), id) for id in news.moved or (None,)]

    def last(self, id: UUID) -> float:
        return max((at for at, heard in self.heard if heard == id), default=0.0)


def test_the_watch_hears_at_once_what_the_worker_did(world: LocalWorld) -> None:
    ear = Ear(world.restarted())
    spec = a_spec()
    eventually(lambda: ear.heard, what="that its ears are up")
    world.driver.start(spec)
    world.becomes_ready(spec.id)
    eventually(lambda: ear.last(spec.id), what="the start")

    killed_at = time.monotonic()
    os.kill(world.state(spec.id).pid, signal.SIGKILL)
    eventually(lambda: ear.last(spec.id) > killed_at, seconds=5, what="the death")
    assert ear.last(spec.id) - killed_at < 2  # seconds; 0.01 where nobody else works

    stopped_at = time.monotonic()
    world.driver.stop(spec.id)
    eventually(lambda: ear.last(spec.id) > stopped_at, seconds=5, what="the stop")


def test_a_noisy_desktop_cannot_keep_the_watch_busy(world: LocalWorld) -> None:
    id = world.start(
        "cd $DESK_RUN; while :; do cp progress.json x; mv x progress.json; done 2>/dev/null"
    )
    ear = Ear(world.restarted())
    time.sleep(2.0)  # a while of noise
    assert 1 <= len(ear.heard) <= 31
    world.driver.stop(id)
