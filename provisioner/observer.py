"""The eye: writes down what the world is. Never acts on it.

An older look never overwrites a newer one, and silence is not an observation: when the driver
cannot see, `DriverUnavailable` passes through and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import JSONField

from provisioner import listening, sql, timeline
from provisioner.drivers.base import Driver, Observation, World
from provisioner.fleet import census
from provisioner.models import Desktop, Transition
from provisioner.states import Desired, Observed

# A world counts its changes upwards, until somebody restores it from an old copy. A look that was
# made so much later than the last one is believed whatever it counts.
COUNTS_FOR = timedelta(minutes=2)
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at everything brought."""

    changed: list[UUID]  # rows whose state is another than before
    orphans: list[UUID]  # exist in the world, but no row wants them
    ghosts: list[UUID]  # exist in the world, although their row was erased


def look(driver: Driver, desktop_id: UUID, *, tenant: UUID | None = None) -> Desktop:
    """Ask about one desktop and write it down. DriverUnavailable."""
    record_all(driver.observe([desktop_id], tenant=tenant))
    return Desktop.objects.get(id=desktop_id)


def survey(driver: Driver) -> Survey:
    """Ask about everything at once and write down what changed. DriverUnavailable."""
    return take_in(driver.survey())


def take_in(world: World) -> Survey:
    """Write down a world; what it does not show and is not written down as absent, is gone."""
    seen = {observation.id: observation for observation in world.seen}
    rows = dict(Desktop.objects.filter(id__in=seen).values_list("id", "erased_at"))
    missing = (
        Desktop.objects.exclude(observed=Observed.ABSENT)
        .exclude(id__in=seen)
        .values_list("id", flat=True)
    )
    absent = (
        Observation(id=id, observed=Observed.ABSENT, at=world.at, revision=world.revision)
        for id in missing
    )
    news = _confirm_unchanged([*(seen[id] for id in rows), *absent])
    changed = record_all(news)
    if world.machines is not None:
        census.record(world.machines, at=world.at)
    listening.note(surveyed_at=world.at)
    return Survey(
        changed=changed,
        orphans=[id for id in seen if id not in rows],
        ghosts=[id for id, erased_at in rows.items() if erased_at is not None],
    )


def _confirm_unchanged(news: list[Observation]) -> list[Observation]:
    """Move `observed_at` on where all is as before; answer the rest. Some rows at a time, because
    thousands of them are a lot of memory."""
    left: list[Observation] = []
    for begin in range(0, len(news), ROWS_AT_ONCE):
        some = news[begin : begin + ROWS_AT_ONCE]
        found = Desktop.objects.filter(id__in=[observation.id for observation in some])
        rows = {row.id: row for row in found.values_list(*_COMPARED, named=True)}
        same: list[Observation] = []
        for observation in some:
            row = rows.get(observation.id)
            known = row is not None and not _differs(row, observation)
            (same if known else left).append(observation)
        if same:
            oldest = min(observation.at for observation in same)
            ids = [observation.id for observation in same]
            Desktop.objects.filter(id__in=ids, observed_at__lt=oldest).update(observed_at=oldest)
    return left


_SEEN = ("observed", "observed_generation", "endpoint", "progress")
_COMPARED = ("id", *_SEEN, "reason", "reason_detail")


def _differs(desktop: Any, observation: Observation) -> bool:
    was = (desktop.observed, desktop.observed_generation, desktop.endpoint, desktop.progress)
    now = (
        observation.observed,
        observation.generation,
        observation.endpoint,
        observation.progress or desktop.progress,
    )
    return was != now or bool(
        observation.cause
        and (observation.cause, _reason_detail(observation))
        != (desktop.reason, desktop.reason_detail)
    )


def record(observation: Observation) -> bool:
    """Write one observation down; True when the state is another than before."""
    return bool(record_all([observation]))


def record_all(observations: Iterable[Observation]) -> list[UUID]:
    """Write observations down, at most one of each desktop; whose state is another than before."""
    return [desktop.id for desktop in take_down(observations)]


@transaction.atomic
def take_down(observations: Iterable[Observation]) -> list[Desktop]:
    """As `record_all`; the rows whose state is another than before, as they are now.

    Three statements, however many. (`spec` is not read with the rows.)
    """
    news = {observation.id: observation for observation in observations}
    if not news:
        return []
    written: list[Desktop] = []
    changed: list[Desktop] = []
    first_times: set[UUID] = set()
    for desktop in _locked(list(news)):
        observation = news[desktop.id]
        if _older(observation, desktop):
            continue
        before = (desktop.observed, desktop.observed_generation, desktop.reason)
        ready_before = desktop.ready_generation
        _take_over(desktop, observation)
        now = (desktop.observed, desktop.observed_generation)
        new_cause = bool(observation.cause) and desktop.reason != before[2]
        if now != before[:2] or new_cause:
            desktop.observed_since = observation.at
            changed.append(desktop)
        if desktop.ready_generation != ready_before:
            first_times.add(desktop.id)
        written.append(desktop)
    _save(written)
    timeline.append_all(
        [_entry(desktop, news[desktop.id], first_times) for desktop in changed],
        source=Transition.Source.EYE,
    )
    return changed


_FIELDS = [field for field in Desktop._meta.concrete_fields if field.name != "spec"]
_NAMES = [field.attname for field in _FIELDS]
_JSON = [field.attname for field in _FIELDS if isinstance(field, JSONField)]
_LOCK = f"""
    SELECT {", ".join(str(field.column) for field in _FIELDS)} FROM provisioner_desktop
    WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
"""  # noqa: S608 - our own columns


def _locked(ids: list[UUID]) -> list[Desktop]:
    rows = []
    for values in sql.run(_LOCK, [ids]).fetchall():
        desktop = Desktop.from_db("default", _NAMES, values)
        for name in _JSON:
            setattr(desktop, name, json.loads(getattr(desktop, name)))
        rows.append(desktop)
    return rows


def _entry(desktop: Desktop, observation: Observation, first_times: set[UUID]) -> timeline.Entry:
    detail = dict(observation.detail)
    took = _start(desktop, observation) if desktop.id in first_times else None
    if took:
        detail["start"] = took
    return timeline.Entry(desktop, observation.at, observation.cause, detail)


@transaction.atomic
def explain(desktop_id: UUID, *, cause: str, detail: dict[str, Any]) -> None:
    """Write down why a start came to nothing, where the world shows nothing to look at."""
    desktop = Desktop.objects.select_for_update().get(id=desktop_id)
    known = (desktop.reason, desktop.reason_detail.get("generation"))
    desktop.reason = cause
    desktop.reason_detail = detail | {"generation": desktop.generation}
    desktop.save(update_fields=["reason", "reason_detail"])
    if known != (cause, desktop.generation):
        timeline.append(desktop, source=Transition.Source.EYE, reason=cause, detail=detail)


_SAVE = """
    UPDATE provisioner_desktop d SET
        observed = v.observed, observed_generation = v.observed_generation,
        observed_at = v.observed_at, observed_since = v.observed_since,
        observed_revision = v.observed_revision, ready_generation = v.ready_generation,
        endpoint = v.endpoint,
        app_endpoints = v.app_endpoints::jsonb, reason = v.reason,
        reason_detail = v.reason_detail::jsonb, progress = v.progress::jsonb,
        limits = v.limits::jsonb
    FROM unnest(%s::uuid[], %s::text[], %s::int8[], %s::timestamptz[], %s::timestamptz[],
                %s::bigint[], %s::int8[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::text[], %s::text[])
         AS v(id, observed, observed_generation, observed_at, observed_since, observed_revision,
              ready_generation, endpoint, app_endpoints, reason, reason_detail, progress, limits)
    WHERE d.id = v.id
"""


def _save(desktops: list[Desktop]) -> None:
    if not desktops:
        return
    rows = [
        (
            desktop.id,
            str(desktop.observed),
            desktop.observed_generation,
            desktop.observed_at,
            desktop.observed_since,
            desktop.observed_revision,
            desktop.ready_generation,
            desktop.endpoint,
            json.dumps(desktop.app_endpoints),
            desktop.reason,
            json.dumps(desktop.reason_detail),
            json.dumps(desktop.progress),
            json.dumps(desktop.limits),
        )
        for desktop in desktops
    ]
    sql.run(_SAVE, [list(column) for column in zip(*rows, strict=True)])


def _older(observation: Observation, desktop: Desktop) -> bool:
    if desktop.observed_at is None:
        return False
    count, known = observation.revision, desktop.observed_revision
    counts = count is not None and known is not None and count != known
    if counts and observation.at - desktop.observed_at < COUNTS_FOR:
        return bool(count < known)  # type: ignore[operator]
    return observation.at <= desktop.observed_at


def _take_over(desktop: Desktop, observation: Observation) -> None:
    desktop.observed = observation.observed
    desktop.observed_generation = observation.generation
    desktop.observed_at = max(observation.at, desktop.observed_at or observation.at)
    desktop.observed_revision = observation.revision
    if observation.observed == Observed.READY and not desktop.stale:
        # For the first time in this launch, or again: when it comes back later, after a death or
        # with the platform, nobody had asked for it just then.
        desktop.ready_generation = desktop.generation
    desktop.endpoint = observation.endpoint
    desktop.app_endpoints = dict(observation.app_endpoints)
    desktop.limits = list(observation.limits)
    if observation.progress:
        desktop.progress = observation.progress
    if observation.cause:
        desktop.reason = observation.cause
        desktop.reason_detail = _reason_detail(observation)
    elif observation.observed == Observed.READY or desktop.desired != Desired.RUNNING:
        # A reason is kept while a start fails and is tried again; then it is history.
        desktop.reason, desktop.reason_detail = "", {}
    elif observation.observed == Observed.PENDING and desktop.waiting:
        desktop.reason, desktop.reason_detail = "", {}


def _reason_detail(observation: Observation) -> dict[str, Any]:
    return observation.detail | {"generation": observation.generation}


def _start(desktop: Desktop, observation: Observation) -> dict[str, Any] | None:
    """Seconds that this start took, in all and by phase; what `usual_start` learns from."""
    phases: dict[str, float] = {}
    for phase in observation.progress.get("phases", []):
        if phase.get("ended_at"):
            begun = datetime.fromisoformat(phase["started_at"])
            ended = datetime.fromisoformat(phase["ended_at"])
            phases[phase["key"]] = round((ended - begun).total_seconds(), 3)
    total_s = (observation.at - desktop.wanted_at).total_seconds()
    if not phases or total_s <= 0:
        return None
    return {"total_s": round(total_s, 3), "phases": phases}
