"""Two watches, one leads: whatever becomes of the leader, the other takes over, and nobody who
has lost the lead overwrites what is newer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from provisioner.models import Listening
from tests.faults.kube_proxy import FaultProxy
from tests.faults.scene import Scene
from tests.faults.watching import WatchProcess, end_session, leading_sessions
from tests.running import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

Pair = tuple[WatchProcess, WatchProcess]


@pytest.fixture
def pair(scene: Scene, proxy: FaultProxy) -> Iterator[Pair]:
    """The leader, and the one that stands by."""
    kubeconfig = proxy.kubeconfig(scene.world.kubeconfig)
    with WatchProcess(scene.world, kubeconfig) as one:
        eventually(lambda: leader() == one.name, what="a leader")
        with WatchProcess(scene.world, kubeconfig) as other:
            eventually(lambda: other.said("watch.standby"), what="one that stands by")
            yield one, other


def leader() -> str:
    return str(Listening.objects.filter(id=1).values_list("leader", flat=True).first())


@pytest.fixture
def desktop(scene: Scene, pair: Pair) -> UUID:
    id = scene.launch()
    scene.work()
    scene.written({id: "ready"})
    return id


def test_a_killed_leader_is_followed(scene: Scene, pair: Pair, desktop: UUID) -> None:
    one, other = pair
    one.signal(signal.SIGKILL)
    scene.world.dies(desktop)
    scene.written({desktop: "failed"})
    assert leader() == other.name
    assert len(leading_sessions()) == 1
    scene.nothing_wrong_was_written([desktop])


def test_a_leader_whose_session_ended_stands_for_election_again(
    scene: Scene, pair: Pair, desktop: UUID
) -> None:
    (session,) = leading_sessions()
    end_session(session)
    scene.world.dies(desktop)
    scene.written({desktop: "failed"})
    (now,) = leading_sessions()
    assert now != session
    scene.nothing_wrong_was_written([desktop])


def test_a_leader_that_slept_overwrites_nothing(scene: Scene, pair: Pair, desktop: UUID) -> None:
    one, other = pair
    one.signal(signal.SIGSTOP)
    (session,) = leading_sessions()
    end_session(session)
    eventually(lambda: leader() == other.name, seconds=30, what="the other leads")
    scene.world.dies(desktop)  # which the sleeper still has before it
    scene.written({desktop: "failed"})
    scene.wish_stopped(desktop)
    one.signal(signal.SIGCONT)
    eventually(
        lambda: one.said("watch.interrupted") and not one.said("Traceback"),
        what="that it noticed",
    )
    assert len(leading_sessions()) == 1
    scene.written({desktop: "absent"})
    scene.nothing_wrong_was_written([desktop])
