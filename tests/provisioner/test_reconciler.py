"""The hand: leases, attempts, the queue, deadlines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from provisioner import desktops, lease, observer, queue, reconciler
from provisioner.drivers.base import DesktopSpec
from provisioner.errors import DriverError, SpecRejected
from provisioner.models import MAX_ATTEMPTS, Desktop
from provisioner.states import Observed, Status
from tests.provisioner.conftest import Room


def test_it_starts_what_shall_run_and_stops_what_shall_rest(room: Room) -> None:
    desktop = room.running()
    assert desktop.status == Status.RUNNING
    desktops.stop(desktop.id)
    room.work()
    assert room.get(desktop.id).status == Status.STOPPED
    assert room.world.machines == {}
    assert desktop.id in room.world.disks


def test_it_gives_every_launch_a_new_secret_and_generation(room: Room) -> None:
    first = room.running()
    desktops.stop(first.id)
    room.work()
    desktops.start(first.id)
    room.work()
    second = room.get(first.id)
    assert second.generation == first.generation + 1
    assert second.secret != first.secret
    assert room.world.machines[first.id].spec.secret == second.secret


def test_it_erases_the_disk_only_after_the_machine_is_gone(room: Room) -> None:
    room.world.slow_stop = True
    desktop = room.running()
    desktops.delete(desktop.id)
    room.work()
    assert room.get(desktop.id).status == Status.DELETING
    assert desktop.id in room.world.disks
    room.world.vanish(desktop.id)
    room.work(2)
    assert room.get(desktop.id).status == Status.DELETED
    assert desktop.id not in room.world.disks


def test_it_leaves_a_desktop_alone_that_somebody_else_holds(room: Room) -> None:
    desktop = room.launch()
    assert lease.claim(desktop.id) is not None
    reconciler.reconcile(room.world, desktop.id)
    assert room.world.starts == []


def test_it_does_not_start_anything_once_its_lease_is_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = room.launch()
    look = observer.look

    def look_while_the_will_changes(*args: object, **named: object) -> Desktop:
        seen = look(*args)  # type: ignore[arg-type]
        desktops.stop(desktop.id)
        return seen

    monkeypatch.setattr(observer, "look", look_while_the_will_changes)
    reconciler.reconcile(room.world, desktop.id)
    assert room.world.starts == []


def test_it_tries_three_times_and_then_says_failed_and_why(room: Room) -> None:
    desktop = room.launch()
    for _try in range(MAX_ATTEMPTS + 2):
        room.work(2)
        room.world.advance(desktop.id, Observed.FAILED, cause="desktop_died")
    room.work(3)
    failed = room.get(desktop.id)
    assert (failed.status, failed.reason) == (Status.FAILED, "desktop_died")
    assert len(room.world.starts) == MAX_ATTEMPTS
    assert room.world.machines == {}
    assert failed.look_after is None


def test_it_tries_again_when_asked_to(room: Room) -> None:
    desktop = room.launch()
    for _try in range(MAX_ATTEMPTS + 1):
        room.work(2)
        room.world.advance(desktop.id, Observed.FAILED, cause="desktop_died")
    room.work(2)
    desktops.start(desktop.id)
    assert room.get(desktop.id).status == Status.STARTING
    room.work()
    room.world.advance(desktop.id, Observed.READY)
    room.look(desktop.id)
    again = room.get(desktop.id)
    assert (again.status, again.reason) == (Status.RUNNING, "")


def test_it_counts_a_machine_that_dies_right_after_it_became_ready(room: Room) -> None:
    desktop = room.launch()
    for _try in range(MAX_ATTEMPTS + 2):
        room.work(2)
        room.world.advance(desktop.id, Observed.READY)
        room.look(desktop.id)
        room.world.advance(desktop.id, Observed.FAILED, cause="desktop_died")
        room.look(desktop.id)
        reconciler.wake([desktop.id])
    room.work(2)
    assert room.get(desktop.id).status == Status.FAILED
    assert len(room.world.starts) == MAX_ATTEMPTS


def test_it_forgets_attempts_after_a_desktop_ran_for_a_while(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "SETTLED", timedelta(0))
    desktop = room.launch()
    for _try in range(MAX_ATTEMPTS + 2):
        room.work(2)
        room.world.advance(desktop.id, Observed.READY)
        room.look(desktop.id)
        room.world.advance(desktop.id, Observed.FAILED, cause="desktop_died")
        room.look(desktop.id)
        reconciler.wake([desktop.id])
    assert len(room.world.starts) > MAX_ATTEMPTS


def test_it_gives_up_at_once_on_what_will_never_work(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(spec: DesktopSpec) -> None:
        raise SpecRejected("no such setup", cause="spec_rejected")

    monkeypatch.setattr(room.world, "start", refuse)
    desktop = room.launch()
    room.work(3)
    failed = room.get(desktop.id)
    assert (failed.status, failed.reason) == (Status.FAILED, "spec_rejected")


def test_it_keeps_trying_a_world_that_stumbles_only_so_often(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[DesktopSpec] = []

    def stumble(spec: DesktopSpec) -> None:
        calls.append(spec)
        raise DriverError("disk controller on fire")

    monkeypatch.setattr(room.world, "start", stumble)
    desktop = room.launch()
    room.work(MAX_ATTEMPTS + 3)
    assert room.get(desktop.id).status == Status.FAILED
    assert len(calls) == MAX_ATTEMPTS


@pytest.fixture
def one_place(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.world.capacity = 1
    monkeypatch.setattr(settings.ATELIER, "local_slots", 1)


def test_it_waits_in_line_and_is_never_counted_as_failed(room: Room, one_place: None) -> None:
    first = room.running("First")
    second, third = room.launch("Second"), room.launch("Third")
    room.work(MAX_ATTEMPTS + 2)
    second, third = room.get(second.id), room.get(third.id)
    assert [second.status, third.status] == [Status.QUEUED, Status.QUEUED]
    places = [queue.place(second), queue.place(third)]
    assert [place.place for place in places if place] == [1, 2]
    desktops.stop(first.id)
    room.work(2)
    assert room.get(second.id).status == Status.STARTING
    assert room.get(third.id).status == Status.QUEUED


def test_it_lets_nobody_jump_the_queue(room: Room, one_place: None) -> None:
    first = room.running("First")
    second = room.launch("Second")
    room.work()
    desktops.stop(first.id)
    room.work()
    late = room.launch("Late")
    reconciler.reconcile(room.world, late.id)
    room.work()
    assert room.get(second.id).status == Status.STARTING
    assert room.get(late.id).status == Status.QUEUED


def test_it_leaves_the_queue_when_cancelled(room: Room) -> None:
    room.world.capacity = 0
    desktop = room.launch()
    room.work()
    desktops.stop(desktop.id)
    room.work()
    stopped = room.get(desktop.id)
    assert stopped.status == Status.STOPPED
    assert queue.place(stopped) is None
    assert room.world.starts == []


def test_it_does_not_wait_for_ever_for_a_start(room: Room) -> None:
    desktop = room.launch()
    room.work()
    long_ago = timezone.now() - timedelta(hours=1)
    Desktop.objects.filter(id=desktop.id).update(observed_since=long_ago)
    room.work()
    late = room.get(desktop.id)
    assert late.reason == "desktop_start_timeout"
    room.work(2)
    assert len(room.world.starts) == 2


def test_it_changes_nothing_while_the_world_cannot_be_seen(room: Room) -> None:
    desktop = room.running()
    desktops.stop(desktop.id)
    room.world.blind = True
    room.work(3)
    blind = room.get(desktop.id)
    assert blind.status == Status.STOPPING
    assert blind.observed == Observed.READY
    assert blind.look_after is not None
    room.world.blind = False
    room.work()
    assert room.get(desktop.id).status == Status.STOPPED


def test_it_notices_in_a_survey_what_died_and_starts_it_again(room: Room) -> None:
    desktop = room.running()
    room.world.vanish(desktop.id)
    seen = reconciler.survey(room.world)
    assert seen.changed == [desktop.id]
    room.work()
    assert desktop.id in room.world.machines


def test_it_clears_away_the_machine_of_an_erased_desktop(room: Room) -> None:
    desktop = room.running()
    machine = room.world.machines[desktop.id]
    desktops.delete(desktop.id)
    room.work(2)
    room.world.machines[desktop.id] = machine
    room.world.disks.add(desktop.id)
    assert reconciler.survey(room.world).ghosts == [desktop.id]
    assert room.world.machines == {}
    assert room.world.disks == set()


def test_it_frees_the_machine_of_an_unknown_desktop_but_keeps_its_disk(room: Room) -> None:
    desktop = room.running()
    spec = room.world.machines[desktop.id].spec
    unknown = DesktopSpec(**{f: getattr(spec, f) for f in spec.__slots__} | {"id": room.tenant.id})
    room.world.start(unknown)
    assert reconciler.survey(room.world).orphans == [unknown.id]
    assert unknown.id not in room.world.machines
    assert unknown.id in room.world.disks
