"""What became of a desktop: in order, complete, never changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from provisioner import desktops, observer, timeline
from provisioner.drivers.base import Observation
from provisioner.models import Transition
from provisioner.states import Observed
from tests.provisioner.conftest import Room


def test_it_tells_the_whole_story(room: Room) -> None:
    desktop = room.running()
    desktops.stop(desktop.id)
    room.work()
    story = [(entry.source, entry.status) for entry in timeline.entries(desktop.id)]
    assert story == [
        ("will", "starting"),
        ("eye", "starting"),
        ("eye", "running"),
        ("will", "stopping"),
        ("eye", "stopped"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provisioner_transition SET reason = 'nothing happened'",
        "DELETE FROM provisioner_transition",
    ],
)
def test_the_database_refuses_to_rewrite_it(room: Room, statement: str) -> None:
    room.running()
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_it_measures_when_a_desktop_was_ready(room: Room) -> None:
    desktop = room.launch()
    begin = timezone.now() + timedelta(hours=1)

    def seen(minute: int, observed: Observed) -> None:
        at = begin + timedelta(minutes=minute)
        generation = None if observed == Observed.ABSENT else 1
        observer.record(
            Observation(id=desktop.id, observed=observed, at=at, generation=generation)
        )

    for minute, observed in [
        (0, Observed.PENDING),
        (1, Observed.READY),
        (11, Observed.FAILED),
        (12, Observed.ABSENT),
        (20, Observed.READY),
    ]:
        seen(minute, observed)
    intervals = timeline.ready_intervals(
        desktop.id, since=begin, until=begin + timedelta(minutes=30)
    )
    lengths = [(end - start).total_seconds() / 60 for start, end in intervals]
    assert lengths == [10, 10]
    clipped = timeline.ready_intervals(
        desktop.id, since=begin + timedelta(minutes=5), until=begin + timedelta(minutes=15)
    )
    assert [(end - start).total_seconds() / 60 for start, end in clipped] == [6]


def came_up(id: UUID, *, generation: int, at: datetime, seconds: int) -> None:
    """A start as the eye sees it: pending, then ready after so many seconds."""
    phase = {
        "key": "desktop",
        "started_at": at.isoformat(),
        "ended_at": (at + timedelta(seconds=seconds)).isoformat(),
    }
    for later, observed in [(0, Observed.PENDING), (seconds, Observed.READY)]:
        observer.record(
            Observation(
                id=id,
                observed=observed,
                at=at + timedelta(seconds=later),
                generation=generation,
                progress={"phases": [phase]},
            )
        )


def test_it_learns_what_a_start_usually_takes(room: Room) -> None:
    assert timeline.usual_start(plan="aigc-a4000", setup="blank") is None
    for name, seconds in [("First", 10), ("Second", 20), ("Third", 60)]:
        came_up(room.launch(name).id, generation=1, at=timezone.now(), seconds=seconds)
    usual = timeline.usual_start(plan="aigc-a4000", setup="blank")
    assert usual is not None
    assert (usual.starts, usual.phases) == (3, {"desktop": 20})
    assert 20 <= usual.total_s < 25


def test_a_desktop_that_comes_back_by_itself_teaches_nothing(room: Room) -> None:
    desktop = room.launch()
    now = timezone.now()
    came_up(desktop.id, generation=1, at=now, seconds=10)
    came_up(desktop.id, generation=1, at=now + timedelta(hours=3), seconds=10)
    usual = timeline.usual_start(plan="aigc-a4000", setup="blank")
    assert usual is not None
    assert usual.starts == 1
    assert usual.total_s < 15


def test_an_older_look_never_overwrites_a_newer_one(room: Room) -> None:
    desktop = room.launch()
    room.work()
    earlier = room.world.observe([desktop.id])[0]
    room.world.advance(desktop.id, Observed.READY)
    room.look(desktop.id)
    assert observer.record(earlier) is False
    assert room.get(desktop.id).observed == Observed.READY
    assert Transition.objects.filter(desktop=desktop, source="eye").count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_database_tells_the_pages_what_changed(room: Room) -> None:
    with connection.cursor() as cursor:
        cursor.execute("LISTEN desktop")
    raw = connection.connection
    desktop = room.launch()
    with transaction.atomic():
        desktops.rename(desktop.id, name="Quiet harbour")
        connection.cursor().execute("SELECT 1")
    heard = [notice.payload for notice in raw.notifies(timeout=1, stop_after=2)]
    assert heard == [str(desktop.id)] * 2
    connection.cursor().execute("UNLISTEN desktop")
