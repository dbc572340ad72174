"""Whatever befalls a pod ends in the right status, the right words, and nothing left behind.

Real API server, scheduler, controllers and admission; the kubelets are kwok's, whose statuses are
worded as the real one words them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.desktops import causes
from provisioner import desktops, stock, timeline
from provisioner.desktops import Desktop
from provisioner.drivers.kubernetes import names, pods
from provisioner.fleet.models import Node
from provisioner.models import MAX_ATTEMPTS, Transition
from provisioner.states import Observed, Status
from tests.cluster import kwok, nodes
from tests.provisioner.kubernetes.engine import Engine
from tests.running import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

Launch = Callable[..., UUID]


def page_of(user: User, id: UUID) -> str:
    client = Client()
    client.force_login(user)
    return client.get(f"/desktops/{id}/").content.decode().replace("&#x27;", "'")


def says(user: User, id: UUID, cause: str) -> None:
    """The page of the desktop tells it in words."""
    assert str(causes.worded(cause).headline) in page_of(user, id)


def tries(id: UUID) -> int:
    """How many pods there were of it: each is first seen after its forerunner was seen gone."""
    alive, count = False, 0
    for entry in timeline.entries(id):
        if entry.source == Transition.Source.EYE and entry.observed == Observed.ABSENT:
            alive = False
        elif entry.source == Transition.Source.EYE and not alive:
            alive, count = True, count + 1
    return count


def nothing_is_left(engine: Engine, id: UUID) -> None:
    """While it rests, its disk; once it is deleted, nothing."""
    world = engine.world
    eventually(lambda: not world.left("pods"), what="no pod")
    eventually(lambda: not world.left("secrets"), seconds=40, what="no secret")
    engine.wish(desktops.delete, id)
    eventually(
        lambda: Desktop.objects.filter(id=id, erased_at__isnull=False).exists(),
        seconds=30,
        what="that it is deleted",
    )
    eventually(lambda: not world.left("persistentvolumeclaims"), seconds=40, what="no disk")


@pytest.mark.parametrize(
    ("fails", "cause"),
    [
        ("image-pull", "image_not_found"),
        ("crash-loop", "desktop_crash_loop"),
        ("crash", "desktop_died"),
        ("ended", "desktop_died"),
        ("oom", "ram_out"),
        ("evicted", "evicted"),
        ("evicted-disk", "scratch_full"),
        ("shutdown", "node_drain"),
        ("preempted", "preempted"),
        ("admission", "node_refused"),
    ],
)
def test_it_is_tried_again_so_often_and_then_told(
    engine: Engine, launch: Launch, alice: User, fails: str, cause: str
) -> None:
    id = launch(fails=fails)
    failed = engine.until(id, Status.FAILED)
    assert failed.reason == cause
    assert failed.attempts == MAX_ATTEMPTS
    assert failed.reason_detail["log"], "the operator sees what the cluster said"
    assert 1 <= tries(id) <= MAX_ATTEMPTS
    says(alice, id, cause)
    nothing_is_left(engine, id)


def test_a_full_cluster_makes_it_wait_in_line(engine: Engine, launch: Launch, alice: User) -> None:
    label = {"nvidia.com/gpu.product": "One-Card"}
    cluster = engine.world.cluster
    made = nodes.add(cluster.api, [(nodes.Machine("One-Card", gpus=1), 1)])
    try:
        eventually(lambda: nodes.ready(cluster.api, made), seconds=30, what="the machine")
        sold = {"gpu_class": "one-card", "gpu_node_labels": label}
        first = launch(name="First", **sold)
        engine.until(first, Status.RUNNING)
        eventually(lambda: known(made[0]), what="that the machine is counted")
        second = launch(name="Second", **sold)
        waiting = engine.until(second, Status.QUEUED)
        assert waiting.reason == "gpu_none_free"
        assert charged(second) == [], "waiting is free"
        assert "Your place in the queue" in page_of(alice, second)
        assert engine.world.left("pods") == [names.pod(first)]
        engine.wish(desktops.stop, first)
        engine.until(second, Status.RUNNING)
        engine.wish(desktops.stop, second)
        engine.until(second, Status.STOPPED)
    finally:
        nodes.remove(cluster.api, made)


def known(node: str) -> bool:
    stock._latest = None
    return Node.objects.filter(name=node, ready=True).exists()


def charged(id: UUID) -> list[object]:
    """What there would be to charge for, so far."""
    now = timezone.now()
    return list(timeline.ready_intervals(id, since=now - timedelta(days=1), until=now))


def test_no_room_beside_the_cards_is_told(engine: Engine, launch: Launch, alice: User) -> None:
    id = launch(cpu_millis=10_000_000)
    engine.because(id, "machines_full")
    says(alice, id, "machines_full")
    engine.wish(desktops.stop, id)
    engine.until(id, Status.STOPPED)
    nothing_is_left(engine, id)


def test_a_quota_is_told(
    engine: Engine, launch: Launch, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = (("pods", "0"), ("persistentvolumeclaims", "10"))
    object.__setattr__(engine.world.driver.site, "tenant_quota", narrow)
    id = launch()
    failed = engine.until(id, Status.FAILED)
    assert failed.reason == "quota_exceeded"
    says(alice, id, "quota_exceeded")
    nothing_is_left(engine, id)


def test_a_lost_node_is_told_and_left_for_another(
    engine: Engine, launch: Launch, alice: User
) -> None:
    id = launch()
    engine.until(id, Status.RUNNING)
    world = engine.world
    path = f"/api/v1/namespaces/{world.namespace}/pods/{names.pod(id)}"
    node = world.cluster.api.get(path)["spec"]["nodeName"]
    kwok.lose(world.cluster, node)
    try:
        lost = engine.because(id, "node_lost", seconds=60)
        assert lost.status == Status.STARTING, "it is wanted, and does not run"
        says(alice, id, "node_lost")
        uid = world.cluster.api.get(path)["metadata"]["uid"]
        eventually(
            lambda: "deletionTimestamp" in world.cluster.api.get(path)["metadata"],
            seconds=40,
            what="that the controllers evict it",
        )
        engine.until(id, Status.STARTING)
        assert world.cluster.api.get(path)["metadata"]["uid"] == uid, "no second pod meanwhile"
    finally:
        kwok.revive(world.cluster)
    engine.until(id, Status.RUNNING, seconds=60)
    assert world.cluster.api.get(path)["metadata"]["uid"] != uid
    engine.wish(desktops.stop, id)
    engine.until(id, Status.STOPPED)
    nothing_is_left(engine, id)


def test_what_does_not_go_is_told_and_not_forced(
    engine: Engine, launch: Launch, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "STUCK_S", 1.0)
    id = launch(fails="stuck-terminating")
    engine.until(id, Status.RUNNING)
    engine.wish(desktops.stop, id)
    stuck = engine.because(id, "stopping_stuck")
    assert stuck.status == Status.STOPPING
    says(alice, id, "stopping_stuck")
    path = f"/api/v1/namespaces/{engine.world.namespace}/pods/{names.pod(id)}"
    assert engine.world.cluster.api.find(path), "nobody but the node, or a person, ends it"
    engine.world.cluster.api.delete(f"{path}?gracePeriodSeconds=0")
    engine.until(id, Status.STOPPED)
    nothing_is_left(engine, id)
