"""Desktops run however long the path of the data folder is, in a sandbox and without one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.drivers.local.driver import IMAGES
from provisioner.drivers.local.folders import LONGEST_SOCKET_PATH
from tests.provisioner.drivers.contract import a_spec
from tests.provisioner.drivers.local_world import ROOMS, LocalWorld, needs_sandbox

LONGEST_APP = "app-" + "a" * 40 + ".sock"
BIND = f"""
/usr/bin/python3 -c 'import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["DESK_RUN"] + "/{LONGEST_APP}")
print("bound")' >answer 2>&1
"""


@pytest.fixture
def runtime() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="atelier-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=[pytest.param(False, marks=needs_sandbox), True], ids=["sandbox", "plain"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, data: Path, runtime: Path
) -> Iterator[LocalWorld]:
    images = tmp_path / "images"
    shutil.copytree(ROOMS, images)
    shutil.copytree(IMAGES / "desktop" / "files", images / "desktop" / "files")
    deep = data / "很长的文件夹 with a space" / ("d" * 90)
    deep.mkdir(parents=True)
    world = LocalWorld(deep, plain=request.param, images=images, runtime=runtime)
    yield world
    world.end()


@pytest.mark.desktop
def test_a_desktop_starts_where_sockets_have_no_room_for_their_paths(
    world: LocalWorld, runtime: Path
) -> None:
    id = world.start(BIND)
    assert world.answer(id).strip() == "bound"
    socket = world.folder(id).run / LONGEST_APP
    assert socket.is_socket()
    assert len(os.fsencode(socket)) > LONGEST_SOCKET_PATH
    world.driver.stop(id)
    assert not list(runtime.iterdir()), "and leaves no other name behind"


@pytest.mark.desktop
def test_files_of_a_resting_desktop_are_served_there_as_well(world: LocalWorld) -> None:
    id = world.start()
    world.driver.stop(id)
    endpoint = world.driver.open_files(a_spec(id))
    assert Path(endpoint.removeprefix("unix:")).is_socket()
