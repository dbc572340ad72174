"""`cluster`: a real Kubernetes with fake nodes, one a run, stopped whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import build, kwok, nodes, storage
from tests.cluster.control_plane import ControlPlane
from tests.running import eventually

MACHINES = (
    (nodes.A2000, 4),
    (nodes.A4000, 6),
    (nodes.RTX_4090, 6),
    (nodes.L4, 2),
    (nodes.PLAIN, 2),
)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    try:
        build.build()
    except build.Unavailable as error:
        pytest.skip(f"no test cluster here: {error}")
    with ControlPlane() as plane:
        kwok.start(plane)
        storage.start(plane)
        names = nodes.add(plane.api, MACHINES)
        eventually(lambda: nodes.ready(plane.api, names), seconds=60, what="fake nodes")
        yield plane
