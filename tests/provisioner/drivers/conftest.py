"""The world of real sandboxes, in a short folder, because sockets live below it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.provisioner.drivers.local_world import LocalWorld


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(f"/tmp/atelier-{uuid4().hex[:8]}")
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def world(data: Path) -> Iterator[LocalWorld]:
    world = LocalWorld(data)
    yield world
    world.end()
