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

from django.db import connection, transaction

from provisioner import listening, timeline
from provisioner.drivers.base import Driver, Observation, World
from provisioner.fleet import census
from provisioner.models import Desktop, Transition
from provisioner.states import Desired, Observed

# A world counts its changes upwards, until somebody restores it from an old copy. A look that was
# made so much later than the last one is believed whatever it counts.
COUNTS_FOR = timedelta(minutes=2)


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
    """Move `observed_at` on, in one statement, where all is as before; answer the rest."""
    rows = Desktop.objects.defer("spec").in_bulk([observation.id for observation in news])
    same = {
        observation.id: observation
        for observation in news
        if observation.id in rows and not _differs(rows[observation.id], observation)
    }
    if same:
        oldest = min(observation.at for observation in same.values())
        Desktop.objects.filter(id__in=list(same), observed_at__lt=oldest).update(
            observed_at=oldest
        )
    return [observation for observation in news if observation.id not in same]


def _differs(desktop: Desktop, observation: Observation) -> bool:
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


@transaction.atomic
def record_all(observations: Iterable[Observation]) -> list[UUID]:
    """Write observations down, at most one of each desktop; whose state is another than before.

    Two statements for all the rows, two for what is appended to their timelines.
    """
    news = {observation.id: observation for observation in observations}
    if not news:
        return []
    rows = Desktop.objects.select_for_update().defer("spec").filter(id__in=list(news))
    written: list[Desktop] = []
    changed: list[Desktop] = []
    for desktop in rows.order_by("id"):
        observation = news[desktop.id]
        if _older(observation, desktop):
            continue
        before = (desktop.observed, desktop.observed_generation, desktop.reason)
        _take_over(desktop, observation)
        now = (desktop.observed, desktop.observed_generation)
        new_cause = bool(observation.cause) and desktop.reason != before[2]
        if now != before[:2] or new_cause:
            desktop.observed_since = observation.at
            changed.append(desktop)
        written.append(desktop)
    _save(written)
    started = _first_times([desktop for desktop in changed if desktop.observed == Observed.READY])
    timeline.append_all(
        [_entry(desktop, news[desktop.id], started) for desktop in changed],
        source=Transition.Source.EYE,
    )
    return [desktop.id for desktop in changed]


def _entry(desktop: Desktop, observation: Observation, started: set[UUID]) -> timeline.Entry:
    detail = dict(observation.detail)
    took = _start(desktop, observation) if desktop.id in started else None
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
        observed_revision = v.observed_revision, disk_seen = v.disk_seen, endpoint = v.endpoint,
        app_endpoints = v.app_endpoints::jsonb, reason = v.reason,
        reason_detail = v.reason_detail::jsonb, progress = v.progress::jsonb,
        limits = v.limits::jsonb
    FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[],
                %s::bigint[], %s::bool[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::text[], %s::text[])
         AS v(id, observed, observed_generation, observed_at, observed_since, observed_revision,
              disk_seen, endpoint, app_endpoints, reason, reason_detail, progress, limits)
    WHERE d.id = v.id
"""


def _save(desktops: list[Desktop]) -> None:
    if not desktops:
        return
    rows = [
        (
            desktop.id,
            desktop.observed,
            desktop.observed_generation,
            desktop.observed_at,
            desktop.observed_since,
            desktop.observed_revision,
            desktop.disk_seen,
            desktop.endpoint,
            json.dumps(desktop.app_endpoints),
            desktop.reason,
            json.dumps(desktop.reason_detail),
            json.dumps(desktop.progress),
            json.dumps(desktop.limits),
        )
        for desktop in desktops
    ]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, [list(column) for column in zip(*rows, strict=True)])


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
    desktop.disk_seen = desktop.disk_seen or observation.observed == Observed.READY
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


def _first_times(ready: list[Desktop]) -> set[UUID]:
    """Those ready for the first time in this launch. When one comes back later, after a death or
    with the platform, nobody had asked for it just then: that tells nothing about how long people
    wait. To be asked before the new transition is written."""
    asked = {desktop.id: desktop for desktop in ready if not desktop.stale}
    if not asked:
        return set()
    earlier = Transition.objects.filter(desktop__in=list(asked), observed=Observed.READY)
    known = set(earlier.values_list("desktop_id", "generation"))
    return {id for id, desktop in asked.items() if (id, desktop.generation) not in known}


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
