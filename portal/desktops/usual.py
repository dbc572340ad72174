"""What a start usually takes, remembered for a minute: many pages ask, few starts change it."""

from __future__ import annotations

import time

from provisioner import timeline
from provisioner.timeline import StartHistory

KEEP_S = 60.0
_known: dict[tuple[str, str], tuple[float, StartHistory | None]] = {}


def start(*, plan: str, setup: str) -> StartHistory | None:
    kept = _known.get((plan, setup))
    if kept and kept[0] > time.monotonic():
        return kept[1]
    found = timeline.usual_start(plan=plan, setup=setup)
    _known[plan, setup] = (time.monotonic() + KEEP_S, found)
    return found


def forget() -> None:
    _known.clear()
