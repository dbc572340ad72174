"""A start, phase by phase: what is done, what goes on, what comes, and how long each takes. Pure.

From the `progress` that a driver reported (see `provisioner.drivers.base.Observation`), and from
what earlier starts of the same plan and setup took.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.desktops.lengths import clock, gigabytes, length

KEYS = ("card", "disk", "setup", "desktop")
# Slower than usual: this many times the usual, and at least this much more.
SLOW_TIMES = 2.0
SLOW_MORE_S = 5.0
# The picture waits here until the desktop answers.
ALMOST = 0.97

_TITLES = {
    "card": gettext_lazy("Waiting for a graphics card"),
    "place": gettext_lazy("Finding a place"),
    "disk": gettext_lazy("Preparing your disk"),
    "setup": gettext_lazy("Fetching the setup"),
    "desktop": gettext_lazy("Starting the desktop"),
}


# What a machine does while it prepares a setup for the first time.
_PARTS = {
    "packages": gettext_lazy("{done} of {total} packages, only this once"),
    "compile": gettext_lazy("making it quick to start, only this once"),
    "steps": gettext_lazy("step {done} of {total}, only this once"),
}


@dataclass(frozen=True)
class Phase:
    key: str
    title: str
    state: str  # done · now · next · broken
    started_at: datetime | None = None
    took_s: float | None = None
    usual_s: float | None = None
    percent: float | None = None  # of an amount that is known
    amount: str = ""  # `25.1 of 38 GB`
    pace: str = ""  # `1.6 GB a second, 8 s left`
    slow: bool = False

    @property
    def took(self) -> str:
        return "" if self.took_s is None else clock(self.took_s)

    @property
    def usual(self) -> str:
        return "" if self.usual_s is None else clock(self.usual_s)

    @property
    def slow_after_s(self) -> float | None:
        """From this many seconds on it counts as slow; the page's own clock watches for it."""
        return None if self.usual_s is None else slow_after(self.usual_s)


def slow_after(usual_s: float) -> float:
    return max(usual_s * SLOW_TIMES, usual_s + SLOW_MORE_S)


def of_start(
    progress: Mapping[str, Any],
    *,
    since: datetime,
    now: datetime,
    usual: Mapping[str, float],
    card: bool,
    broken: bool = False,
) -> list[Phase]:
    """Every phase of the start that was wanted at `since`; older progress is another start's."""
    told = {
        phase["key"]: phase
        for phase in progress.get("phases", [])
        if datetime.fromisoformat(phase["started_at"]) >= since
    }
    phases = [_phase(key, told.get(key), now, usual.get(key), card=card) for key in KEYS]
    if not told and not broken:
        first = phases[0]
        phases[0] = _replaced(first, state="now", started_at=since, took_s=_s(since, now))
    if broken:
        phases = _break(phases)
    return phases


def share(phases: list[Phase], *, elapsed_s: float, total_s: float | None) -> float:
    """How much of the start has passed, for the picture that paints itself."""
    if total_s:
        return min(ALMOST, max(0.0, elapsed_s / total_s))
    done = sum(1 for phase in phases if phase.state == "done")
    begun = any(phase.state == "now" for phase in phases)
    return min(ALMOST, (done + (0.5 if begun else 0)) / (len(phases) + 0.5))


def _phase(
    key: str, told: Mapping[str, Any] | None, now: datetime, usual_s: float | None, *, card: bool
) -> Phase:
    title = str(_TITLES["place" if key == "card" and not card else key])
    if told is None:
        return Phase(key=key, title=title, state="next", usual_s=usual_s)
    begun = datetime.fromisoformat(told["started_at"])
    ended = told.get("ended_at")
    if ended:
        took_s = _s(begun, datetime.fromisoformat(ended))
        return Phase(key, title, "done", started_at=begun, took_s=took_s, usual_s=usual_s)
    took_s = _s(begun, now)
    percent, amount, pace = _amount(told, took_s)
    return Phase(
        key=key,
        title=title,
        state="now",
        started_at=begun,
        took_s=took_s,
        usual_s=usual_s,
        percent=percent,
        amount=amount,
        pace=pace,
        slow=usual_s is not None and took_s > slow_after(usual_s),
    )


def _amount(told: Mapping[str, Any], took_s: float) -> tuple[float | None, str, str]:
    done, total = told.get("done"), told.get("total")
    if not isinstance(done, int | float) or not isinstance(total, int | float) or total <= 0:
        return None, "", ""
    percent = round(min(100.0, 100.0 * done / total), 1)
    if told.get("unit") != "bytes":
        words = _PARTS.get(str(told.get("what")), gettext_lazy("{done} of {total}"))
        return percent, str(words).format(done=done, total=total), ""
    mib = 1 << 20
    amount = _("{done} of {total}").format(
        done=gigabytes(done / mib), total=gigabytes(total / mib)
    )
    if took_s < 1 or done <= 0:
        return percent, amount, ""
    speed = done / took_s
    pace = _("{speed} a second, {left} left").format(
        speed=gigabytes(speed / mib), left=length((total - done) / speed)
    )
    return percent, amount, pace


def _break(phases: list[Phase]) -> list[Phase]:
    """The phase that was going on is where it broke; without any, it is the first not done."""
    for index, phase in enumerate(phases):
        if phase.state != "done":
            took_s = phase.took_s if phase.state == "now" else None
            phases[index] = _replaced(phase, state="broken", took_s=took_s, slow=False)
            break
    return phases


def _replaced(phase: Phase, **changes: Any) -> Phase:
    return Phase(**{**phase.__dict__, **changes})


def _s(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
