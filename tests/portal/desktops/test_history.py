"""The past in sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.desktops import history

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Entry:
    seq: int
    source: str
    desired: str
    observed: str
    status: str
    generation: int = 1
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return T0 + timedelta(seconds=self.seq)


def test_it_tells_a_life_from_launch_to_deletion() -> None:
    entries = [
        Entry(1, "will", "running", "absent", "starting"),
        Entry(2, "eye", "running", "pending", "starting"),
        Entry(3, "eye", "running", "ready", "running", detail={"start": {"total_s": 4.2}}),
        Entry(4, "will", "stopped", "ready", "stopping"),
        Entry(5, "eye", "stopped", "absent", "stopped"),
        Entry(6, "will", "running", "absent", "starting", generation=2),
        Entry(7, "will", "deleted", "absent", "deleting", generation=2),
        Entry(8, "hand", "deleted", "absent", "deleted", generation=2),
    ]
    events = history.told(entries)
    assert [event.text for event in events] == [
        "The disk was removed. Nothing is left of it.",
        "Asked to delete it",
        "Asked to start it",
        "Stopped. The disk is kept",
        "Asked to stop it",
        "Ready",
        "The start began",
        "Asked for a launch",
    ]
    assert events[5].note == "after 4 s"


def test_it_tells_a_failure_with_its_cause_and_the_next_try() -> None:
    entries = [
        Entry(1, "will", "running", "absent", "starting"),
        Entry(2, "eye", "running", "absent", "queued", reason="gpu_none_free"),
        Entry(3, "eye", "running", "pending", "starting"),
        Entry(4, "eye", "running", "failed", "failed", reason="image_not_found"),
        Entry(5, "will", "running", "failed", "starting", generation=2),
    ]
    events = history.told(entries, setup="Night Train")
    assert [(event.text, event.bad) for event in events] == [
        ("Asked to try again", False),
        ("The setup could not be fetched.", True),
        ("The start began", False),
        ("Nothing was free: queued", False),
        ("Asked for a launch", False),
    ]


def test_it_tells_a_cancelled_start_from_a_stop() -> None:
    entries = [
        Entry(1, "will", "running", "absent", "starting"),
        Entry(2, "will", "stopped", "pending", "stopping"),
    ]
    assert history.told(entries)[0].text == "Cancelled the start"
