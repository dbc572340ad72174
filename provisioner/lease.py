"""Who works on which row, and until when: the hand's claim on a desktop.

`look_after` is schedule, retry timer and lease at once: a claim moves it into the future *where
it is due*, and every later write of the hand is guarded by the same lease. `held_by` names the
worker process that holds it. Each worker keeps a PostgreSQL advisory lock under its number for as
long as it lives, so what a killed worker held is due again at the next sweep and not only when
the lease runs out. Losing that lock while alive is harmless: every write is fenced by the lease.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import JSONField
from django.db.models.functions import Now
from django.utils import timezone

from provisioner import sql
from provisioner.models import Desktop
from provisioner.states import Observed

log = logging.getLogger(__name__)

LENGTH = timedelta(seconds=60)
# The first half of the advisory lock's key; the second is the worker's number.
WORKERS = 0x41544C57
ALIVE_AGAIN_S = 5.0  # how often a worker makes sure that its lock is still there

_WRITE = """
    UPDATE provisioner_desktop SET {} WHERE id = %s AND look_after = %s
"""
_RELEASE = """
    UPDATE provisioner_desktop SET held_by = NULL, look_after =
        CASE WHEN observed = %s THEN statement_timestamp() ELSE %s::timestamptz END
    WHERE id = %s AND look_after = %s
"""
_NAMES = [field.attname for field in Desktop._meta.concrete_fields]
_JSON = [field.attname for field in Desktop._meta.concrete_fields if isinstance(field, JSONField)]
_CLAIM = """
    UPDATE provisioner_desktop SET look_after = %s, held_by = %s
    WHERE id = %s AND look_after <= statement_timestamp() RETURNING {}
""".format(", ".join(str(field.column) for field in Desktop._meta.concrete_fields))  # noqa: S608
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
    RETURNING id
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
        words = ", ".join(f"{name} = %s" for name in columns)
        values = [*columns.values(), self.id, self.lease]
        if sql.run(_WRITE.format(words), values).rowcount != 1:
            raise LeaseLost

    def release(self, after: timedelta | None, *, unless: Observed | None = None) -> None:
        """Look again after so long (None: when told to), or at once where `unless` was seen
        meanwhile: whoever saw it left the row to us. LeaseLost."""
        later = None if after is None else timezone.now() + after
        values = [str(unless) if unless else "", later, self.id, self.lease]
        if sql.run(_RELEASE, values).rowcount != 1:
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
    values = sql.run(_CLAIM, [lease, me, desktop_id]).fetchone()
    if values is None:
        return None
    desktop = Desktop.from_db("default", _NAMES, values)
    for name in _JSON:
        setattr(desktop, name, json.loads(getattr(desktop, name)))
    return Hold(desktop, lease)


def due(*, limit: int, before: datetime | None = None) -> list[UUID]:
    """Whose time has come, the longest waiting first; what dead workers held first of all.

    `before`: leave out what came due later, because a nudge for it is under way.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DEAD, (WORKERS,))
        freed = [id for (id,) in cursor.fetchall()]
    rows = Desktop.objects.filter(look_after__lte=Now()).order_by("look_after")
    if before is not None:
        rows = rows.filter(look_after__lte=before)
    return list(dict.fromkeys([*freed, *rows.values_list("id", flat=True)[:limit]]))


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
