"""Who may start: never more than there are cards, in order, and within each tenant's limit.

On rows of a pretended cluster: machines are written down as the watch writes them, and nobody
starts a pod; the threads and the locks are real.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.accounts.models import Tenant
from provisioner import desktops, lease, observer, queue, stock
from provisioner.desktops import Desktop
from provisioner.drivers.base import Machine, Observation
from provisioner.fleet import census
from provisioner.models import Transition
from provisioner.states import Observed, Status
from tests.provisioner.conftest import SPEC, time_passes

CARD = "nvidia.com/gpu"
A4000 = {"nvidia.com/gpu.product": "NVIDIA-RTX-A4000"}
SOLD = replace(SPEC, gpu_node_labels=A4000)
KINDS = {"rtx-a4000": queue.Kind(CARD, A4000), "rtx-4090": queue.Kind(CARD, {"x": "y"})}


@pytest.fixture(autouse=True)
def a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.ATELIER, "driver", "kubernetes")
    monkeypatch.setattr(settings.ATELIER, "tenant_running_limit", 0)


def machines(*cards: int, ready: bool = True, taken: int = 0) -> list[Machine]:
    return [
        Machine(
            name=f"{'good' if ready else 'bad'}-{number}",
            ready=ready,
            labels=A4000 | {"kubernetes.io/hostname": "x"},
            capacity={CARD: count},
            allocatable={CARD: count},
            taken={CARD: taken} if taken else {},
        )
        for number, count in enumerate(cards)
    ]


def launch(tenant: Tenant, number: int = 0) -> Desktop:
    name = f"Desktop {number} {timezone.now().timestamp()}"
    return desktops.launch(tenant_id=tenant.id, name=name, spec=SOLD)


def ask(desktop_id: UUID) -> str:
    """What the hand does before it starts a pod: "" where it may."""
    stock._latest = None
    hold = lease.claim(desktop_id)
    if hold is None:
        return "not due"
    with queue.turn(hold.desktop) as cause:
        if not cause:
            hold.write(attempts=1, attempts_generation=hold.desktop.generation)
    if cause:
        observer.explain(desktop_id, cause=cause, detail={})
    hold.release(timedelta(0))
    return cause


def seen(desktop_id: UUID, observed: Observed) -> None:
    desktop = Desktop.objects.get(id=desktop_id)
    generation = None if observed == Observed.ABSENT else desktop.generation
    observer.record(
        Observation(id=desktop_id, observed=observed, at=timezone.now(), generation=generation)
    )


def let_in() -> int:
    return stock.taking().count()


def test_who_comes_when_nothing_is_free_waits_in_place(tenant: Tenant) -> None:
    census.record(machines(1))
    first, second, third = (launch(tenant, n) for n in range(3))
    assert [ask(each.id) for each in (first, second, third)] == ["", *["gpu_none_free"] * 2]
    waiting = [Desktop.objects.get(id=each.id) for each in (second, third)]
    assert [each.status for each in waiting] == [Status.QUEUED] * 2
    places = [queue.place(each) for each in waiting]
    assert [(place.place, place.waiting) for place in places if place] == [(1, 2), (2, 2)]
    assert queue.place(Desktop.objects.get(id=first.id)) is None


def test_nobody_overtakes_who_came_first(tenant: Tenant) -> None:
    census.record(machines(1))
    early, late = launch(tenant, 1), launch(tenant, 2)
    assert ask(late.id) == "gpu_none_free", "the early one has not asked yet, but it came first"
    time_passes()
    assert ask(early.id) == ""


def test_a_card_is_taken_from_being_let_in_until_it_was_seen_to_be_free(tenant: Tenant) -> None:
    census.record(machines(1))
    first, second = launch(tenant, 1), launch(tenant, 2)
    assert ask(first.id) == ""
    assert ask(second.id) == "gpu_none_free", "the first one's pod is on its way"
    seen(first.id, Observed.READY)
    desktops.stop(first.id)
    time_passes()
    assert ask(second.id) == "gpu_none_free", "the first one still runs"
    seen(first.id, Observed.STOPPING)
    time_passes()
    assert ask(second.id) == "gpu_none_free"
    seen(first.id, Observed.ABSENT)
    time_passes()
    assert ask(second.id) == ""


def test_cards_of_others_and_of_silent_machines_are_not_given_away(tenant: Tenant) -> None:
    census.record([*machines(4, taken=3), *machines(8, ready=False)])
    first, second = launch(tenant, 1), launch(tenant, 2)
    assert [ask(first.id), ask(second.id)] == ["", "gpu_none_free"]
    here = queue.stock(KINDS)["rtx-a4000"]
    assert (here.total, here.free, here.in_use, here.offline, here.waiting) == (12, 0, 1, 11, 1)
    assert queue.stock(KINDS)["rtx-4090"] == queue.Stock(total=0, free=0, waiting=0)


def test_a_plan_without_a_card_waits_for_nobody(tenant: Tenant) -> None:
    census.record(machines(0))
    sold = replace(SOLD, gpu_class="", gpu_count=0, gpu_node_labels={})
    desktop = desktops.launch(tenant_id=tenant.id, name="Files", spec=sold)
    assert ask(desktop.id) == ""
    assert "" not in queue.stock(KINDS)


def test_a_tenant_at_its_limit_waits_alone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.ATELIER, "tenant_running_limit", 2)
    census.record(machines(3))
    other = Tenant.objects.create(name="Bob")
    mine = [launch(tenant, n) for n in range(3)]
    theirs = launch(other)
    assert [ask(each.id) for each in mine] == ["", "", "tenant_limit"]
    limited = Desktop.objects.get(id=mine[2].id)
    assert (limited.status, queue.place(limited)) == (Status.QUEUED, None)
    assert ask(theirs.id) == "", "who waits for its own limit holds up nobody"
    seen(mine[0].id, Observed.READY)
    desktops.stop(mine[0].id)
    seen(mine[0].id, Observed.ABSENT)
    assert mine[2].id in queue.next_waiters("rtx-a4000", tenant.id)
    time_passes()
    assert ask(mine[2].id) == ""


def test_machines_that_come_wake_who_waits(tenant: Tenant) -> None:
    census.record(machines(1))
    first, second = launch(tenant, 1), launch(tenant, 2)
    assert [ask(first.id), ask(second.id)] == ["", "gpu_none_free"]
    assert queue.all_waiters() == [second.id]
    census.record(machines(1, 1))
    time_passes()
    assert ask(second.id) == ""


def test_the_wait_is_told_only_where_enough_cards_became_free(tenant: Tenant) -> None:
    desktop = launch(tenant)
    assert queue.eta_s("rtx-a4000", 1) is None
    now = timezone.now()
    for number in range(6):
        Transition.objects.create(
            desktop=desktop,
            seq=100 + number,
            at=now - timedelta(minutes=10 * (6 - number)),
            source=Transition.Source.EYE,
            desired="stopped",
            observed=Observed.ABSENT,
            generation=1,
            status=Status.STOPPED,
        )
    told = queue.eta_s("rtx-a4000", 1)
    assert told is not None
    assert 590 < told < 610, "six in an hour: one in ten minutes"
    assert queue.eta_s("rtx-a4000", 3) == pytest.approx(3 * told, rel=0.01)
    assert queue.eta_s("rtx-4090", 1) is None


# --- Races --------------------------------------------------------------------------------------


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    yield


def test_two_hands_never_give_the_last_card_away_twice(
    emptied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = Tenant.objects.create(name="Alice")
    monkeypatch.setattr(settings.ATELIER, "tenant_running_limit", 100)
    census.record(machines(5))
    wanted = [launch(tenant, n).id for n in range(16)]
    gate = threading.Barrier(8)
    answers: list[str] = []

    def hand(mine: list[UUID]) -> None:
        gate.wait()
        try:
            answers.extend(ask(id) for id in mine)
        finally:
            connection.close()

    threads = [threading.Thread(target=hand, args=(wanted[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 16
    assert answers.count("") <= 5
    for _round in range(4):
        time_passes()
        for id in wanted:
            if Desktop.objects.get(id=id).attempts == 0:
                ask(id)
        assert let_in() <= 5
    assert let_in() == 5, "who could have a card has one in the end"
    first = set(wanted[:5])
    assert {row.id for row in stock.taking()} == first, "and they are those who came first"


STEPS = ["launch", "ask", "ask", "stop", "gone", "crash"]


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(
    cards=st.integers(1, 3),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["launch", "ask", "ask", "stop", "gone", "crash"]), st.integers(0, 5)
        ),
        min_size=5,
        max_size=40,
    ),
)
def test_any_history_keeps_the_promises(
    tenant: Tenant, cards: int, steps: list[tuple[str, int]]
) -> None:
    Desktop.objects.update(desired="stopped", observed="absent")
    census.record(machines(cards))
    ids: list[UUID] = []
    for step, number in steps:
        if step == "launch":
            ids.append(launch(tenant, len(ids)).id)
        elif ids:
            play(step, ids[number % len(ids)])
        assert let_in() <= cards
    for _round in range(len(ids) + 2):  # people stop what runs; everybody has a turn in the end
        for row in list(stock.taking().filter(id__in=ids)):
            desktops.stop(row.id)
            seen(row.id, Observed.ABSENT)
        time_passes()
        for row in Desktop.objects.filter(id__in=ids, desired="running", attempts=0):
            ask(row.id)
        assert let_in() <= cards
    never = Desktop.objects.filter(id__in=ids, desired="running", attempts=0)
    assert not never.exists(), "somebody never had a turn"


def play(step: str, id: UUID) -> None:
    desktop = Desktop.objects.get(id=id)
    if step == "ask" and desktop.desired == "running" and desktop.attempts == 0:
        time_passes()
        ask(id)
    elif step == "stop":
        desktops.stop(id)
    elif step == "gone" and desktop.desired == "stopped":
        seen(id, Observed.ABSENT)
    elif step == "crash":
        lease.end()  # the worker is another one from here on
