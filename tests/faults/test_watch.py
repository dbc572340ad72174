"""`manage.py watch` between a real API server and a proxy that hurts it: it never gives up, never
floods a server that is down, and never writes what was not so.

The witness sees the same pods on a way of its own, and is what everything is compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from provisioner.drivers.kubernetes import names
from tests.cluster.control_plane import ControlPlane
from tests.faults.kube_proxy import FaultProxy
from tests.faults.scene import Scene
from tests.faults.watching import WatchProcess
from tests.faults.wire import Request, watches
from tests.running import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

STREAMS = 2  # pods and claims
# How long nobody asks after a storm has ended: the longest back-off there is, jitter included.
LONGEST_PAUSE_S = 15.0


@pytest.fixture
def watch(scene: Scene, proxy: FaultProxy) -> Iterator[WatchProcess]:
    with WatchProcess(scene.world, proxy.kubeconfig(scene.world.kubeconfig)) as one:
        listens(proxy)
        yield one


def listens(proxy: FaultProxy, *, seconds: float = 2 * LONGEST_PAUSE_S) -> None:
    eventually(lambda: proxy.open_watches() == STREAMS, seconds=seconds, what="both streams open")


@pytest.fixture
def three(scene: Scene, watch: WatchProcess) -> list[UUID]:
    """Desktops that run, and are known to run."""
    ids = [scene.launch(f"Desktop {number}") for number in range(3)]
    scene.work()
    scene.written(dict.fromkeys(ids, "ready"))
    return ids


def world_moves(scene: Scene, three: list[UUID]) -> dict[UUID, str]:
    """Behind the watch's back: one dies, one is gone, one stays. How it stands then."""
    dies, goes, stays = three
    scene.world.dies(dies)
    path = f"/api/v1/namespaces/{scene.world.namespace}/pods/{names.pod(goes)}"
    scene.world.cluster.api.delete(path)
    scene.witness.until(dies.hex, "failed")
    scene.witness.until(goes.hex, "absent")
    return {dies: "failed", goes: "absent", stays: "ready"}


Fault = Callable[[FaultProxy], object]


def gone_by_http(proxy: FaultProxy) -> None:
    proxy.refuse(410, "Expired", which=watches, times=STREAMS)
    proxy.drop_connections()


def cut(proxy: FaultProxy) -> None:
    proxy.cut_next_events()


FAULTS: dict[str, Fault] = {
    "410 as an event": lambda proxy: proxy.say_in_watches(410, "Expired"),
    "410 by HTTP": gone_by_http,
    "500 as an event": lambda proxy: proxy.say_in_watches(500, "InternalError"),
    "an event that breaks off": cut,
    "reset connections": lambda proxy: proxy.drop_connections(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_survives(scene: Scene, proxy: FaultProxy, three: list[UUID], fault: str) -> None:
    began_s = time.monotonic()
    FAULTS[fault](proxy)
    scene.written(world_moves(scene, three))
    listens(proxy)
    listed = [one for one in proxy.since(began_s) if one.path == "/api/v1/pods"]
    lists = sum(not one.is_watch for one in listed)
    # Only a server that forgot our revision makes us list everything anew.
    assert (lists > 0) == fault.startswith("410")
    scene.nothing_wrong_was_written(three)


STORMS = {"429": "TooManyRequests", "500": "InternalError", "503": "ServiceUnavailable"}


@pytest.mark.parametrize("status", STORMS)
def test_it_survives_a_storm_and_asks_once_a_second_at_most(
    scene: Scene, proxy: FaultProxy, three: list[UUID], status: str
) -> None:
    storm_s = 8.0
    proxy.refuse(int(status), STORMS[status])
    began_s = time.monotonic()
    proxy.drop_connections()
    stands = world_moves(scene, three)
    eventually(lambda: time.monotonic() - began_s > storm_s, what="the storm's end")
    asked = proxy.since(began_s)
    proxy.heal()
    at_most_one_a_second(asked, began_s)
    assert all(str(scene.row(id).observed) == "ready" for id in three), "silence was believed"
    scene.written(stands, seconds=2 * LONGEST_PAUSE_S)
    listens(proxy)
    scene.nothing_wrong_was_written(three)


def at_most_one_a_second(asked: list[Request], began_s: float) -> None:
    """From the first refusal on; those that were on their way then are one and the same."""
    assert asked, "nobody ever tried again"
    first_s = asked[0].at_s
    later = [one.at_s for one in asked if one.at_s - first_s > 0.5]
    moments = [round(one.at_s - began_s, 2) for one in asked]
    for at_s in later:
        assert sum(at_s <= other < at_s + 1 for other in later) == 1, moments
    assert len(asked) - len(later) <= STREAMS + 1, moments


def test_it_waits_as_long_as_the_server_asks_for(
    scene: Scene, proxy: FaultProxy, three: list[UUID]
) -> None:
    after_s = 5.0
    proxy.refuse(429, "TooManyRequests", Retry_After=f"{after_s:g}")
    began_s = time.monotonic()
    proxy.drop_connections()
    eventually(lambda: proxy.since(began_s), what="a refusal")
    refused_s = proxy.since(began_s)[0].at_s
    eventually(lambda: time.monotonic() - refused_s > 0.9 * after_s, what="its wait")
    again = [round(one.at_s - refused_s, 2) for one in proxy.since(refused_s + 0.5)]
    assert not again, "it did not wait"
    proxy.heal()
    scene.written(world_moves(scene, three), seconds=2 * LONGEST_PAUSE_S)
    scene.nothing_wrong_was_written(three)


def test_it_survives_a_restart_of_the_api_server(
    scene: Scene, proxy: FaultProxy, three: list[UUID], control_plane: ControlPlane
) -> None:
    began_s = time.monotonic()
    control_plane.restart_api_server(down_s=4)
    asked = proxy.since(began_s)
    scene.written(world_moves(scene, three), seconds=2 * LONGEST_PAUSE_S)
    listens(proxy)
    scene.nothing_wrong_was_written(three)
    seconds = time.monotonic() - began_s
    assert len(asked) <= seconds + STREAMS + 1
