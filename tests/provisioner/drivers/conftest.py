"""What drivers are tested on: real sandboxes in a short folder (sockets live below it), cards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster import nodes
from tests.cluster.access import Cluster
from tests.provisioner.drivers.contract import CARDS
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.provisioner.drivers.local_world import LocalWorld
from tests.running import eventually


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


# Once for all of these files: a machine taken away and brought back under its name at once is
# not one that pods always find.
@pytest.fixture(scope="package")
def cards(cluster: Cluster) -> Iterator[None]:
    """A machine with cards of the contract's own kind."""
    label = dict(CARDS)["nvidia.com/gpu.product"]
    made = nodes.add(cluster.api, [(nodes.Machine(label, gpus=KubernetesWorld.capacity), 1)])
    eventually(lambda: nodes.ready(cluster.api, made), seconds=30, what="the contract's machine")
    yield
    nodes.remove(cluster.api, made)
