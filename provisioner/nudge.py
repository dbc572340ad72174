"""Tells the worker that a row is due, after the commit. May be lost: the sweep finds the row."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def after_commit(*desktop_ids: UUID) -> None:
    """Send `reconcile(id)` once the surrounding transaction is committed."""
    transaction.on_commit(lambda: send(desktop_ids), robust=True)


def send(desktop_ids: Iterable[UUID]) -> None:
    """Send `reconcile(id)` now. A broker that is away is no reason to fail the caller."""
    for desktop_id in desktop_ids:
        if not _send("provisioner.tasks.reconcile", desktop_id):
            return


def send_clear(desktop_id: UUID) -> None:
    """Have a machine taken away that nobody wants, by somebody who may. Lost: found again."""
    _send("provisioner.tasks.clear", desktop_id)


def files_after_commit(desktop_id: UUID) -> None:
    """Have the files of a desktop that rests opened. Lost: whoever waits asks again."""
    transaction.on_commit(
        lambda: _send("provisioner.tasks.open_files", desktop_id) and None, robust=True
    )


def _send(task: str, desktop_id: UUID) -> bool:
    try:
        current_app.send_task(task, args=[str(desktop_id)], retry=False)
    except Exception as error:  # the broker's client raises many kinds; all mean "away"
        log.warning("nudge.lost task=%s desktop=%s error=%s", task, desktop_id, error)
        return False
    return True
