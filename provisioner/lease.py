"""Who works on which row, and until when: the hand's claim on a desktop.

`look_after` is schedule, retry timer and lease at once: a claim moves it into the future *where
it is due*, and every later write of the hand is guarded by the same lease. `held_by` names the
worker process that holds it. Each worker keeps a PostgreSQL advisory lock under its number for as
long as it lives, so what a killed worker held is due again at the next sweep and not only when
the lease runs out. Losing that lock while alive is harmless: every write is fenced by the lease.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Case, DateTimeField, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from provisioner.models import Desktop
from provisioner.states import Observed

log = logging.getLogger(__name__)

LENGTH = timedelta(seconds=60)
# The first half of the advisory lock's key; the second is the worker's number.
WORKERS = 0x41544C57
ALIVE_AGAIN_S = 5.0  # how often a worker makes sure that its lock is still there

_WHEN = DateTimeField(null=True)
_CLAIM = """
    UPDATE provisioner_desktop SET look_after = %s, held_by = %s
    WHERE id = %s AND look_after <= statement_timestamp() RETURNING *
"""
_REST = """
    UPDATE provisioner_desktop d SET look_after = NULL
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS v(id, read)
    WHERE d.id = v.id AND d.look_after = v.read AND d.held_by IS NULL
"""
_DEAD = """
    UPDATE provisioner_desktop d SET look_after = statement_timestamp(), held_by = NULL
    WHERE held_by IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s
          AND l.objid = d.held_by::oid AND l.objsubid = 2
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


class LeaseLost(Exception):
    """Somebody else, or the will, moved the row on: leave it to them."""


@dataclass(slots=True)
class Hold:
    """A claim on one row, as it was read when it was claimed."""

    desktop: Desktop
    lease: datetime

    @property
    def id(self) -> UUID:
        return self.desktop.id

    def write(self, **columns: object) -> None:
        """Write columns of the hand where the row is still ours. LeaseLost."""
        mine = Desktop.objects.filter(id=self.id, look_after=self.lease)
        if mine.update(**columns) != 1:
            raise LeaseLost

    def release(self, after: timedelta | None, *, unless: Observed | None = None) -> None:
        """Look again after so long (None: when told to), or at once where `unless` was seen
        meanwhile: whoever saw it left the row to us. LeaseLost."""
        later = Value(None if after is None else timezone.now() + after, _WHEN)
        when = Case(When(observed=unless, then=Now()), default=later) if unless else later
        mine = Desktop.objects.filter(id=self.id, look_after=self.lease)
        if mine.update(look_after=when, held_by=None) != 1:
            raise LeaseLost


class _Alive:
    """This process's number, and the lock that says it lives; one a process, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._checked_s = 0.0
        self.number = 0

    def make_sure(self) -> int:
        """The number under which this process may claim."""
        with self._lock:
            if self._connection is None or time.monotonic() - self._checked_s > ALIVE_AGAIN_S:
                self._check()
            return self.number

    def _check(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            log.warning("lease.lock_lost error=%s", error)
            with suppress(psycopg.Error):
                self._connection.close()  # type: ignore[union-attr]
            self._connection = None
        if self._connection is None:
            self._take()
        self._checked_s = time.monotonic()

    def _take(self) -> None:
        options = connection.get_connection_params()
        options.pop("cursor_factory", None)
        options.pop("context", None)
        fresh = psycopg.connect(**options, autocommit=True)
        number = secrets.randbelow(2**31 - 1) + 1
        fresh.execute("SELECT pg_advisory_lock(%s, %s)", (WORKERS, number))
        self._connection, self.number = fresh, number

    def end(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


_alive = _Alive()


def end() -> None:
    """Give up this process's number; what it still holds is anybody's."""
    _alive.end()


def claim(desktop_id: UUID) -> Hold | None:
    """The row, held for LENGTH, if it is due and nobody else has it."""
    me = _alive.make_sure()
    lease = timezone.now() + LENGTH
    for desktop in Desktop.objects.raw(_CLAIM, [lease, me, desktop_id]):
        return Hold(desktop, lease)
    return None


def due(*, limit: int, waited: timedelta = timedelta(0)) -> list[UUID]:
    """Whose time has come, the longest waiting first; what dead workers held included.

    `waited`: leave out what came due only now, because a nudge for it is under way.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DEAD, (WORKERS,))
    rows = Desktop.objects.filter(look_after__lte=Now() - waited).order_by("look_after")
    return list(rows.values_list("id", flat=True)[:limit])


def make_due(desktop_ids: list[UUID]) -> None:
    """Look at these now, unless a hand works on them at this moment."""
    Desktop.objects.filter(id__in=desktop_ids, held_by=None).update(look_after=Now())


def let_rest(desktops: list[Desktop]) -> None:
    """These are as they should be: nobody need look until something moves.

    Only where nothing moved since they were read, so that a wish is not lost.
    """
    if desktops:
        with connection.cursor() as cursor:
            ids, read = zip(
                *((desktop.id, desktop.look_after) for desktop in desktops), strict=True
            )
            cursor.execute(_REST, [list(ids), list(read)])


def postpone(desktop_id: UUID, after: timedelta) -> None:
    """Look at it after so long, unless a hand works on it at this moment."""
    idle = Desktop.objects.filter(id=desktop_id, held_by=None)
    idle.update(look_after=timezone.now() + after)


def sweep_waits() -> timedelta:
    """How long a nudge may be under way before the sweep sends another."""
    return timedelta(seconds=1) if settings.ATELIER.driver == "kubernetes" else timedelta(0)
