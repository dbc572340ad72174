"""What the worker is asked to do. Tasks carry ids, may be lost, may run twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings

from provisioner import drivers, files, nudge, reconciler
from provisioner.errors import DriverUnavailable

SWEEP_EXPIRES_S = 5  # as the clock's table has it: after how long an old sweep is dropped
UNDER_WAY = timedelta(seconds=0.5)  # a nudge taken before the sweep may be about to claim its row


@shared_task(name="provisioner.tasks.reconcile")
def reconcile(desktop_id: str) -> None:
    """Bring one desktop closer to what is wanted."""
    reconciler.reconcile(drivers.chosen(), UUID(desktop_id))


@shared_task(name="provisioner.tasks.sweep", bind=True)
def sweep(self: Any) -> None:
    """Find every row whose time has come: what lost nudges and dead workers left behind."""
    nudge.send(reconciler.due(before=_asked_at(self)))


def _asked_at(task: Any) -> datetime | None:
    """When the clock asked for this. Messages come in order, so nudges that were sent before then
    have been taken already; those sent later are on their way, and sending them again would cost
    as much as they do. None where it is not known, and where nothing else nudges (one machine).
    """
    expires = getattr(task.request, "expires", None)
    if expires is None or settings.ATELIER.driver != "kubernetes":
        return None
    at = datetime.fromisoformat(expires) if isinstance(expires, str) else expires
    return at - timedelta(seconds=SWEEP_EXPIRES_S) - UNDER_WAY


@shared_task(name="provisioner.tasks.survey")
def survey() -> None:
    """Look at everything: the safety net below the watch."""
    try:
        reconciler.survey_if_deaf(drivers.chosen())
    except DriverUnavailable:
        return  # silence is not an observation; the next one will tell


@shared_task(name="provisioner.tasks.clear")
def clear(desktop_id: str) -> None:
    """Take away a machine that a survey found and nobody wants."""
    reconciler.clear(drivers.chosen(), UUID(desktop_id))


@shared_task(name="provisioner.tasks.open_files")
def open_files(desktop_id: str) -> None:
    """Make the files of a desktop that rests to be seen."""
    files.open_(drivers.chosen(), UUID(desktop_id))
