"""What the worker is asked to do. Tasks carry ids, may be lost, may run twice."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from provisioner import drivers, nudge, reconciler
from provisioner.errors import DriverUnavailable


@shared_task(name="provisioner.tasks.reconcile")
def reconcile(desktop_id: str) -> None:
    """Bring one desktop closer to what is wanted."""
    reconciler.reconcile(drivers.chosen(), UUID(desktop_id))


@shared_task(name="provisioner.tasks.sweep")
def sweep() -> None:
    """Find every row whose time has come: what lost nudges and dead workers left behind."""
    nudge.send(reconciler.due())


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
