"""A start, phase by phase."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from portal.desktops import phases

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
USUAL = {"card": 1.0, "disk": 8.0, "setup": 22.0, "desktop": 12.0}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def progress(*told: tuple[str, float, float | None], **amount: Any) -> dict[str, Any]:
    return {
        "phases": [
            {
                "key": key,
                "started_at": at(begun).isoformat(),
                "ended_at": None if ended is None else at(ended).isoformat(),
                **(amount if ended is None else {}),
            }
            for key, begun, ended in told
        ]
    }


def states(steps: list[phases.Phase]) -> list[str]:
    return [step.state for step in steps]


def test_it_tells_what_is_done_what_goes_on_and_what_comes() -> None:
    told = progress(
        ("card", 0, 1),
        ("disk", 1, 10),
        ("setup", 10, None),
        done=25 << 30,
        total=38 << 30,
        unit="bytes",
    )
    steps = phases.of_start(told, since=T0, now=at(24), usual=USUAL, card=True)
    assert states(steps) == ["done", "done", "now", "next"]
    now = steps[2]
    assert (now.took, now.usual, now.slow) == ("0:14", "0:22", False)
    assert now.percent == 65.8
    assert now.amount == "25 GB of 38 GB"
    assert now.pace == "1.8 GB a second, 7 s left"


def test_it_says_when_a_phase_takes_longer_than_usual() -> None:
    told = progress(("card", 0, 1), ("disk", 1, None))
    calm = phases.of_start(told, since=T0, now=at(14), usual=USUAL, card=True)
    slow = phases.of_start(told, since=T0, now=at(20), usual=USUAL, card=True)
    assert not calm[1].slow
    assert slow[1].slow


def test_it_begins_to_wait_before_the_driver_has_said_anything() -> None:
    steps = phases.of_start({}, since=T0, now=at(2), usual={}, card=False)
    assert states(steps) == ["now", "next", "next", "next"]
    assert steps[0].title == "Finding a place"


def test_it_does_not_take_an_earlier_start_for_this_one() -> None:
    told = progress(("card", -60, -50), ("disk", -50, -40))
    steps = phases.of_start(told, since=T0, now=at(2), usual={}, card=True)
    assert states(steps) == ["now", "next", "next", "next"]


def test_it_shows_where_a_start_broke() -> None:
    told = progress(("card", 0, 1), ("disk", 1, 2), ("setup", 2, None))
    steps = phases.of_start(told, since=T0, now=at(9), usual=USUAL, card=True, broken=True)
    assert states(steps) == ["done", "done", "broken", "next"]


def test_the_picture_waits_before_it_is_finished() -> None:
    steps = phases.of_start({}, since=T0, now=at(2), usual={}, card=True)
    assert phases.share(steps, elapsed_s=5, total_s=10) == 0.5
    assert phases.share(steps, elapsed_s=50, total_s=10) == phases.ALMOST
    assert 0 < phases.share(steps, elapsed_s=50, total_s=None) < 0.2
