"""`kill -9` of any one process, while a desktop runs and while one starts: it comes right.

Real processes, real desktops. What ran keeps running (the same init, the same files); what was
starting ends up running; nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.desks import Desks, processes_of
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not shutil.which("Xvfb"), reason="no X server (xvfb) on this machine"),
]

SERVERS = ["web", "worker", "watch", "gateway", "valkey", "postgres"]


@pytest.fixture(scope="module")
def desks() -> Iterator[Desks]:
    running = Platform()
    try:
        running.up()
        yield Desks.of(running)
    finally:
        running.end()


@pytest.fixture
def desktop(desks: Desks) -> Iterator[str]:
    """One that runs, with a file in its home; afterwards nothing of it may be left."""
    id = desks.running()
    (desks.home(id) / "picture.txt").write_text("not to be lost")
    yield id
    assert (desks.home(id) / "picture.txt").read_text() == "not to be lost"
    desks.delete(id)
    assert processes_of(id) == []


def revived(desks: Desks, name: str, old: int) -> None:
    """The supervisor started it again, and it serves."""

    def look() -> bool:
        status = desks.platform.status()
        one = next(one for one in status["processes"] if one["name"] == name)
        return bool(one["pid"]) and one["pid"] != old

    eventually(look, seconds=30, what=f"{name} lives again")
    eventually(lambda: all_well(desks), seconds=30, what="all is well")


def all_well(desks: Desks) -> bool:
    return all(one["healthy"] for one in desks.platform.status()["processes"])


@pytest.mark.parametrize("name", SERVERS)
def test_it_survives_while_a_desktop_runs(desks: Desks, desktop: str, name: str) -> None:
    init = desks.init(desktop)
    revived(desks, name, desks.platform.kill(name))
    desks.until(desktop, "running")
    assert desks.init(desktop) == init, "the desktop was not adopted but started anew"


@pytest.mark.parametrize("name", SERVERS)
def test_it_survives_while_a_desktop_starts(desks: Desks, name: str) -> None:
    id = desks.launch()
    revived(desks, name, desks.platform.kill(name))
    desks.until(id, "running")
    desks.delete(id)
    assert processes_of(id) == []


def test_a_dead_supervisor_is_replaced_and_takes_over_what_runs(
    desks: Desks, desktop: str
) -> None:
    init = desks.init(desktop)
    desks.platform.kill("supervisor")
    starting = desks.launch()  # the others go on without it
    desks.platform.up()
    desks.until(desktop, "running")
    assert desks.init(desktop) == init
    desks.until(starting, "running")
    desks.delete(starting)


def test_a_dead_streamer_is_started_again_inside_the_same_desktop(
    desks: Desks, desktop: str
) -> None:
    init = desks.init(desktop)
    (streamer,) = processes_of(desktop, command="-m selkies")
    os.kill(streamer, signal.SIGKILL)
    eventually(
        lambda: processes_of(desktop, command="-m selkies") not in ([], [streamer]),
        what="the streamer lives again",
    )
    assert desks.get(desktop)["status"] == "running"
    assert desks.init(desktop) == init


def test_a_dead_desktop_is_noticed_and_started_again_with_its_files(
    desks: Desks, desktop: str
) -> None:
    init = desks.init(desktop)
    os.kill(init, signal.SIGKILL)
    eventually(lambda: desks.init(desktop) not in (0, init), seconds=30, what="a new session")
    desks.until(desktop, "running")
    seen = desks.call("GET", f"desktops/{desktop}/timeline/")
    assert "desktop_died" in str(seen)
