"""What became of a desktop, in order: all that billing and the pages may see of the past.

The will, the eye and the hand append here (`append`); nobody changes what is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from provisioner import sql
from provisioner.models import Desktop, Transition
from provisioner.states import Observed

# How many earlier starts tell what is usual.
HISTORY = 200


@dataclass(frozen=True, slots=True)
class StartHistory:
    """Medians, in seconds, over `starts` earlier starts of the same plan and setup."""

    starts: int
    total_s: float
    phases: dict[str, float]


def append(
    desktop: Desktop,
    *,
    source: Transition.Source,
    at: datetime | None = None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> Transition:
    """Write the next transition. The caller holds the desktop's row lock."""
    last = Transition.objects.filter(desktop=desktop).aggregate(last=Max("seq"))["last"] or 0
    return Transition.objects.create(
        desktop=desktop,
        seq=last + 1,
        at=at or timezone.now(),
        source=source,
        desired=desktop.desired,
        observed=desktop.observed,
        generation=desktop.generation,
        status=desktop.status,
        reason=reason,
        detail=detail or {},
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """What `append_all` is to write about a desktop, as it is by then."""

    desktop: Desktop
    at: datetime
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


_APPEND = """
    INSERT INTO provisioner_transition
        (desktop_id, seq, at, written_at, source, desired, observed, generation, status, reason,
         detail)
    SELECT v.id, 1 + coalesce((SELECT max(seq) FROM provisioner_transition t
                               WHERE t.desktop_id = v.id), 0),
           v.at, clock_timestamp(), %s::text, v.desired, v.observed, v.generation, v.status,
           v.reason, v.detail::jsonb
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::int8[], %s::text[],
                %s::text[], %s::text[])
         AS v(id, at, desired, observed, generation, status, reason, detail)
"""


def append_all(entries: Sequence[Entry], *, source: Transition.Source) -> None:
    """As `append`, in one statement, for desktops that are all different and all locked."""
    if not entries:
        return
    rows = [
        (
            entry.desktop.id,
            entry.at,
            str(entry.desktop.desired),
            str(entry.desktop.observed),
            entry.desktop.generation,
            str(entry.desktop.status),
            entry.reason,
            json.dumps(entry.detail),
        )
        for entry in entries
    ]
    sql.run(_APPEND, [str(source), *(list(column) for column in zip(*rows, strict=True))])


def entries(desktop_id: UUID, *, newest: int | None = None) -> list[Transition]:
    """Everything that became of it, or the newest so many, oldest first."""
    rows = Transition.objects.filter(desktop_id=desktop_id).order_by("-seq")
    return list(rows[:newest])[::-1]


def ready_intervals(
    desktop_id: UUID, *, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """When it was ready, as the eye saw it: half-open intervals within [since, until)."""
    intervals: list[tuple[datetime, datetime]] = []
    opened: datetime | None = None
    seen = Transition.objects.filter(desktop_id=desktop_id, source=Transition.Source.EYE)
    for at, observed in seen.order_by("seq").values_list("at", "observed"):
        if observed == Observed.READY:
            opened = opened or at
        elif opened is not None:
            intervals.append((opened, at))
            opened = None
    if opened is not None:
        intervals.append((opened, until))
    clipped = [(max(start, since), min(end, until)) for start, end in intervals]
    return [(start, end) for start, end in clipped if start < end]


def ready_before_end_s(desktop: Desktop) -> float:
    """How long it had been ready when it ended as it is now; 0 unless it was ready just before.

    A start that was tried since then breaks the chain: its failure is a failure of that start.
    """
    if desktop.observed in (Observed.READY, Observed.PENDING):
        return 0.0
    seen = Transition.objects.filter(desktop=desktop, source=Transition.Source.EYE)
    ended: datetime | None = None
    later = ""
    for at, observed in seen.order_by("-seq").values_list("at", "observed")[:5]:
        if observed == Observed.READY:
            return (ended - at).total_seconds() if ended else 0.0
        if observed in (Observed.PENDING, later):
            return 0.0
        ended, later = at, observed
    return 0.0


def usual_start(*, plan: str, setup: str) -> StartHistory | None:
    """What a start like this usually takes; None while there was none."""
    rows = Transition.objects.filter(
        source=Transition.Source.EYE,
        observed=Observed.READY,
        desktop__spec__plan=plan,
        desktop__spec__setup=setup,
        detail__has_key="start",
    ).order_by("-id")
    starts = [detail["start"] for detail in rows.values_list("detail", flat=True)[:HISTORY]]
    if not starts:
        return None
    keys = {key for start in starts for key in start["phases"]}
    return StartHistory(
        starts=len(starts),
        total_s=median(start["total_s"] for start in starts),
        phases={
            key: median(start["phases"][key] for start in starts if key in start["phases"])
            for key in sorted(keys)
        },
    )
