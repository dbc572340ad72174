"""`cluster`: a real Kubernetes with fake nodes, one a run, stopped whatever happens.

TEST_KUBECONFIG names one to use instead of starting one; the fake nodes are then put into it, and
taken out of it afterwards. Only a cluster of our own is a `ControlPlane`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import build, kwok, nodes, storage
from tests.cluster.access import Cluster
from tests.cluster.control_plane import ControlPlane
from tests.cluster.nodes import Machine
from tests.running import eventually

MACHINES = (
    (nodes.A2000, 4),
    (nodes.A4000, 6),
    (nodes.RTX_4090, 6),
    (nodes.L4, 2),
    (nodes.PLAIN, 2),
)


@contextmanager
def running(
    machines: Iterable[tuple[Machine, int]] = MACHINES, *, folder: Path | None = None
) -> Iterator[Cluster]:
    """A cluster whose fake nodes are ready and whose claims get disks."""
    given = os.environ.get("TEST_KUBECONFIG")
    with Cluster(Path(given), folder) if given else ControlPlane(folder) as one:
        kwok.start(one)
        storage.start(one)
        names = nodes.add(one.api, machines)
        try:
            eventually(lambda: nodes.ready(one.api, names), seconds=60, what="fake nodes")
            yield one
        finally:
            if given:
                nodes.remove(one.api, names)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    try:
        build.build()
    except build.Unavailable as error:
        pytest.skip(f"no test cluster here: {error}")
    with running() as one:
        yield one


@pytest.fixture(scope="session")
def control_plane(cluster: Cluster) -> ControlPlane:
    """The same, for tests that stop and start its parts."""
    if not isinstance(cluster, ControlPlane):
        pytest.skip("the parts of a given cluster (TEST_KUBECONFIG) are not ours to restart")
    return cluster
