"""A thousand desktops at once, by real worker and watch processes on five hundred machines; and a
smaller crowd whose worker and watch are killed while it starts, stops and goes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.cluster import chart, nodes
from tests.cluster.access import Cluster
from tests.cluster.fixtures import running
from tests.faults.crowd import Crowd
from tests.faults.witness import Witness
from tests.running import Platform, eventually

pytestmark = [pytest.mark.cluster, pytest.mark.servers, pytest.mark.timeout(1800)]

DESKTOPS = int(os.environ.get("ATELIER_TEST_CROWD", "1000"))
MACHINES = DESKTOPS // 2
FEW = 60
STILL_AT_MOST_S = 120
PREFIX, NAMESPACE = "atelier", "atelier-system"
KINDS = ("pods", "secrets", "persistentvolumeclaims")


@pytest.fixture(scope="module")
def many() -> Iterator[Cluster]:
    """A cluster of its own: so many machines are too many for other tests."""
    with running([(nodes.A4000, MACHINES)]) as one:
        chart.apply_accounts(one.kubeconfig, PREFIX, NAMESPACE)
        yield one


@pytest.fixture(scope="module")
def platform(many: Cluster) -> Iterator[Platform]:
    account = f"{PREFIX}-worker"
    platform = Platform(
        ATELIER_DRIVER="kubernetes",
        ATELIER_KUBECONFIG=str(many.kubeconfig_for(NAMESPACE, account)),
        ATELIER_KUBE_PREFIX=PREFIX,
        ATELIER_KUBE_WORKER_ACCOUNT=f"{NAMESPACE}/{account}",
        ATELIER_KUBE_GATEWAY_NAMESPACE=NAMESPACE,
        ATELIER_KUBE_TENANT_QUOTA=json.dumps({"pods": "1000"}),
        ATELIER_TENANT_RUNNING_LIMIT="0",
    )
    try:
        platform.up()
        yield platform
    finally:
        platform.end()


@pytest.fixture
def witness(many: Cluster) -> Iterator[Witness]:
    with Witness(many, PREFIX) as one:
        yield one


def left(cluster: Cluster, kind: str) -> int:
    selector = f"app.kubernetes.io/managed-by=atelier,app.kubernetes.io/instance={PREFIX}"
    found = cluster.api.list(f"/api/v1/{kind}", labelSelector=selector)
    return sum("atelier.dev/desktop" in one["metadata"]["labels"] for one in found)


def become(crowd: Crowd, status: str, count: int) -> None:
    """For as long as something moves: how long a thousand take depends on what else runs."""
    before: dict[str, int] = {}
    moved_at = time.monotonic()
    while (now := crowd.statuses()) != {status: count}:
        if now != before:
            before, moved_at = now, time.monotonic()
        still_s = time.monotonic() - moved_at
        assert still_s < STILL_AT_MOST_S, f"{count} {status}: still {now} after {still_s:.0f} s"
        time.sleep(0.2)


def is_empty(cluster: Cluster, *kinds: str) -> None:
    for kind in kinds:
        eventually(lambda kind=kind: left(cluster, kind) == 0, seconds=180, what=f"no {kind}")


def none_twice(witness: Witness, ids: list[UUID], *, launches: int = 1) -> None:
    for id in ids:
        made = witness.pods_of(id.hex)
        assert len(made) == launches, f"{id}: {made}"
        assert all(len(uids) == 1 for uids in made.values()), f"{id}: {made}"


def test_a_thousand_at_once(many: Cluster, platform: Platform, witness: Witness) -> None:
    crowd = Crowd(platform, DESKTOPS)
    try:
        ids = crowd.all("launch")
        become(crowd, "running", DESKTOPS)
        assert [left(many, kind) for kind in KINDS] == [DESKTOPS] * len(KINDS)
        none_twice(witness, ids)
        crowd.all("stop")
        become(crowd, "stopped", DESKTOPS)
        is_empty(many, "pods", "secrets")
        assert left(many, "persistentvolumeclaims") == DESKTOPS, "a disk was lost"
        crowd.all("delete")
        become(crowd, "deleted", DESKTOPS)
        is_empty(many, *KINDS)
        none_twice(witness, ids)
    finally:
        crowd.end()


@pytest.mark.parametrize("victim", ["worker", "watch"])
def test_a_process_is_killed_while_they_move(
    many: Cluster, platform: Platform, witness: Witness, victim: str
) -> None:
    crowd = Crowd(platform, FEW)
    try:
        ids = crowd.all("launch")
        platform.kill(victim)
        become(crowd, "running", FEW)
        none_twice(witness, ids)
        crowd.all("stop")
        platform.kill(victim)
        become(crowd, "stopped", FEW)
        is_empty(many, "pods", "secrets")
        crowd.all("start")
        become(crowd, "running", FEW)
        crowd.all("delete")
        platform.kill(victim)
        become(crowd, "deleted", FEW)
        is_empty(many, *KINDS)
        none_twice(witness, ids, launches=2)
    finally:
        crowd.end()
