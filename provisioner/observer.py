"""The eye: writes down what the world is. Never acts on it.

An older look never overwrites a newer one, and silence is not an observation: when the driver
cannot see, `DriverUnavailable` passes through and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from provisioner import timeline
from provisioner.drivers.base import Driver, Observation
from provisioner.models import Desktop, Transition
from provisioner.states import Desired, Observed


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at everything brought."""

    changed: list[UUID]  # rows whose state is another than before
    orphans: list[UUID]  # exist in the world, but no row wants them
    ghosts: list[UUID]  # exist in the world, although their row was erased


def look(driver: Driver, desktop_id: UUID) -> Desktop:
    """Ask about one desktop and write it down. DriverUnavailable."""
    for observation in driver.observe([desktop_id]):
        record(observation)
    return Desktop.objects.get(id=desktop_id)


def survey(driver: Driver) -> Survey:
    """Ask about everything at once and write down what changed. DriverUnavailable."""
    asked_at = timezone.now()
    seen = {observation.id: observation for observation in driver.observe(None)}
    rows = dict(Desktop.objects.filter(id__in=seen).values_list("id", "erased_at"))
    missing = (
        Desktop.objects.exclude(observed=Observed.ABSENT)
        .exclude(id__in=seen)
        .values_list("id", flat=True)
    )
    news = [seen[id] for id in rows] + [
        Observation(id=id, observed=Observed.ABSENT, at=asked_at) for id in missing
    ]
    news = _confirm_unchanged(news)
    return Survey(
        changed=[observation.id for observation in news if record(observation)],
        orphans=[id for id in seen if id not in rows],
        ghosts=[id for id, erased_at in rows.items() if erased_at is not None],
    )


def _confirm_unchanged(news: list[Observation]) -> list[Observation]:
    """Move `observed_at` on, in one statement, for all that are as before; answer the rest."""
    rows = Desktop.objects.in_bulk([observation.id for observation in news])
    same = [
        observation for observation in news if _differs(rows[observation.id], observation) is False
    ]
    if same:
        oldest = min(observation.at for observation in same)
        unmoved = Desktop.objects.filter(
            id__in=[observation.id for observation in same], observed_at__lt=oldest
        )
        unmoved.update(observed_at=oldest)
    known = {observation.id for observation in same}
    return [observation for observation in news if observation.id not in known]


def _differs(desktop: Desktop, observation: Observation) -> bool:
    was = (desktop.observed, desktop.observed_generation, desktop.endpoint, desktop.progress)
    now = (
        observation.observed,
        observation.generation,
        observation.endpoint,
        observation.progress or desktop.progress,
    )
    return was != now or bool(observation.cause)


@transaction.atomic
def record(observation: Observation) -> bool:
    """Write one observation down; True when the state is another than before."""
    desktop = Desktop.objects.select_for_update().filter(id=observation.id).first()
    if desktop is None or _older(observation, desktop):
        return False
    before = (desktop.observed, desktop.observed_generation)
    reason = desktop.reason
    _take_over(desktop, observation)
    changed = (desktop.observed, desktop.observed_generation) != before or (
        bool(observation.cause) and desktop.reason != reason
    )
    if changed:
        desktop.observed_since = observation.at
    desktop.save(update_fields=_COLUMNS)
    if changed:
        timeline.append(
            desktop,
            source=Transition.Source.EYE,
            at=observation.at,
            reason=observation.cause,
            detail=_detail(desktop, observation),
        )
    return changed


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


_COLUMNS = [
    "observed",
    "observed_generation",
    "observed_at",
    "observed_since",
    "endpoint",
    "app_endpoints",
    "reason",
    "reason_detail",
    "progress",
    "limits",
]


def _older(observation: Observation, desktop: Desktop) -> bool:
    return desktop.observed_at is not None and observation.at <= desktop.observed_at


def _take_over(desktop: Desktop, observation: Observation) -> None:
    desktop.observed = observation.observed
    desktop.observed_generation = observation.generation
    desktop.observed_at = observation.at
    desktop.endpoint = observation.endpoint
    desktop.app_endpoints = dict(observation.app_endpoints)
    desktop.limits = list(observation.limits)
    if observation.progress:
        desktop.progress = observation.progress
    if observation.cause:
        desktop.reason = observation.cause
        desktop.reason_detail = observation.detail | {"generation": observation.generation}
    elif observation.observed == Observed.READY or desktop.desired != Desired.RUNNING:
        # A reason is kept while a start fails and is tried again; then it is history.
        desktop.reason, desktop.reason_detail = "", {}
    elif observation.observed == Observed.PENDING and desktop.waiting:
        desktop.reason, desktop.reason_detail = "", {}


def _detail(desktop: Desktop, observation: Observation) -> dict[str, Any]:
    detail = dict(observation.detail)
    if observation.observed == Observed.READY and _first_time(desktop, observation):
        started = _start(desktop, observation)
        if started:
            detail["start"] = started
    return detail


def _first_time(desktop: Desktop, observation: Observation) -> bool:
    """Ready for the first time in this launch. When it comes back later, after a death or with the
    platform, nobody had asked for it just then, so it tells nothing about how long people wait."""
    if observation.generation != desktop.generation:
        return False
    return not Transition.objects.filter(
        desktop=desktop, generation=desktop.generation, observed=Observed.READY
    ).exists()


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
