"""The files of a desktop that rests: a room of its own, which its desktop ends."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from provisioner.drivers.base import DesktopSpec
from provisioner.drivers.local.driver import IMAGES
from provisioner.errors import DriverError
from provisioner.states import Observed
from tests.provisioner.drivers.contract import a_spec, look
from tests.provisioner.drivers.local_world import KIND, ROOMS, LocalWorld, needs_sandbox
from tests.running import eventually

pytestmark = [pytest.mark.desktop, needs_sandbox]


@pytest.fixture
def world(data: Path, tmp_path: Path) -> Iterator[LocalWorld]:
    """The small stand-in for the session, and the real server of files beside it."""
    images = tmp_path / "images"
    shutil.copytree(ROOMS, images)
    shutil.copytree(IMAGES / "desktop" / "files", images / "desktop" / "files")
    world = LocalWorld(data, images=images)
    yield world
    world.end()


def listing(endpoint: str) -> list[str]:
    connection = http.client.HTTPConnection("desk", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(endpoint.removeprefix("unix:"))
    connection.request("GET", "/api/list?path=")
    said = json.loads(connection.getresponse().read())
    connection.close()
    return [entry["name"] for entry in said["entries"]]


def rests(world: LocalWorld, **changes: object) -> DesktopSpec:
    """One that ran, and was stopped."""
    id = world.start("echo hers >picture.txt; echo x >answer", **changes)
    world.answer(id)
    world.driver.stop(id)
    return a_spec(id)


def test_files_are_seen_while_the_desktop_rests(world: LocalWorld) -> None:
    spec = rests(world)
    endpoint = world.driver.open_files(spec)
    assert "picture.txt" in listing(endpoint)
    assert look(world.driver, spec.id).observed == Observed.ABSENT, "it rests all the same"
    again = world.restarted().open_files(spec)
    assert again == endpoint
    assert "picture.txt" in listing(again)


def test_opening_it_twice_is_once(world: LocalWorld) -> None:
    spec = rests(world)
    world.driver.open_files(spec)
    before = sorted(world.processes(spec.id))
    world.driver.open_files(spec)
    assert sorted(world.processes(spec.id)) == before


def test_a_start_ends_the_room(world: LocalWorld) -> None:
    spec = rests(world)
    world.driver.open_files(spec)
    room = world.processes(spec.id)
    world.driver.start(spec)
    world.becomes_ready(spec.id)
    assert not set(room) & set(world.processes(spec.id))
    assert world.driver.open_files(spec) == "", "a running desktop shows them itself"


def test_a_room_that_died_is_opened_anew(world: LocalWorld) -> None:
    spec = rests(world)
    world.driver.open_files(spec)
    for pid in world.processes(spec.id):
        with suppress(ProcessLookupError):  # the first that ends may take the others along
            os.kill(pid, 9)
    eventually(lambda: not world.processes(spec.id), what="its end")
    assert "picture.txt" in listing(world.driver.open_files(spec))


def test_erasing_ends_the_room_and_takes_the_disk(world: LocalWorld) -> None:
    spec = rests(world)
    world.driver.open_files(spec)
    world.driver.erase(spec.id)
    assert world.processes(spec.id) == []
    assert not world.has_disk(spec.id)


def test_what_never_ran_has_no_files_to_show(world: LocalWorld) -> None:
    with pytest.raises(DriverError) as refusal:
        world.driver.open_files(a_spec())
    assert refusal.value.cause == "files_no_disk"


@pytest.mark.skipif(KIND != "root", reason="only root gives desktops users of their own")
def test_the_server_is_the_desktops_own_user_and_sees_no_other_home(world: LocalWorld) -> None:
    spec, other = rests(world), rests(world)
    world.driver.open_files(spec)
    owner = world.folder(spec.id).home.stat().st_uid
    users = {Path(f"/proc/{pid}").stat().st_uid for pid in world.processes(spec.id)}
    assert owner in users
    init = json.loads(world.folder(spec.id).info.read_text())["child-pid"]
    seen = Path(f"/proc/{init}/root")
    assert not (seen / str(world.folder(other.id).path).lstrip("/")).exists()
    assert os.listdir(seen / "home") == ["desk"]
