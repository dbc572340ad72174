"""Who may start now, who waits for which card in which place, and how many are free.

First come, first served within a pool: on one machine all places are one pool, in a cluster each
class of cards is one, and plans without a card wait for nothing. A tenant who runs as many
desktops as it may waits by itself and holds up nobody.

Who is let in is written down within the same transaction (`turn`), so two workers cannot give the
last card away twice. Far from full, nobody waits for a lock: `stock.Snapshot` decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, IntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from provisioner import sql
from provisioner import stock as stocks
from provisioner.models import MAX_ATTEMPTS, Desktop, Transition
from provisioner.states import Desired, Observed
from provisioner.stock import Kind, Stock, one_pool, pool_of

__all__ = ["Kind", "Place", "Stock", "place", "pool_of", "stock", "turn", "waiting_ids"]

NONE_FREE, TENANT_LIMIT = "gpu_none_free", "tenant_limit"
# An estimate needs so many cards that became free, and looks back so far.
HISTORY, HISTORY_AGE = 50, timedelta(days=3)
ENOUGH = 5
# The launch of which a reason speaks; an older one's reason is history.
TOLD_FOR = Cast(KeyTextTransform("generation", "reason_detail"), IntegerField())
POOLS, TENANTS = 0x41544C50, 0x41544C54  # advisory locks: the first halves of their keys


@dataclass(frozen=True, slots=True)
class Place:
    """`place` 1 is next. `eta_s` is None while there is too little history to tell it from."""

    place: int
    waiting: int
    eta_s: float | None = None


# --- Being let in -------------------------------------------------------------------------------


@contextmanager
def turn(desktop: Desktop) -> Iterator[str]:
    """Gives the cause for which it must wait, or "" where it may start now.

    Where it may, the caller writes that down (an attempt of this generation) before it leaves.
    """
    need = stocks.need_of(desktop)
    snapshot = stocks.snapshot()
    limited, scarce = snapshot.near_limit(need), snapshot.nearly_full(need)
    if not limited and not scarce:
        yield ""
        snapshot.took(need)
        return
    with transaction.atomic():
        # Always in this order, so two hands cannot wait for each other.
        cause = _over_the_limit(desktop) if limited else ""
        if scarce and not cause:
            cause = _must_wait(desktop, need, snapshot.total_of(need))
        yield cause
    if not cause:
        snapshot.took(need)


# Let in, and not known to be gone: see stock.taking().
_TAKES = f"""
    (observed <> 'absent' OR (desired = 'running' AND attempts_generation = generation
                              AND attempts > 0 AND attempts < {MAX_ATTEMPTS}))
"""
_OTHERS = f"""
    SELECT count(*) FROM provisioner_desktop WHERE tenant_id = %s AND id <> %s AND {_TAKES}
"""  # noqa: S608 - our own words
_AMOUNT = {True: "1", False: "coalesce((spec->>'gpu_count')::int, 0)"}  # one pool, or cards
# Who takes a place now, and who came first and has not been let in (tenants at their limit and
# launches that were given up left out).
_BEFORE = """
    SELECT coalesce(sum({amount}) FILTER (WHERE takes), 0),
           coalesce(sum({amount}) FILTER (WHERE first AND NOT takes), 0)
    FROM (
        SELECT spec, {takes} AS takes,
               desired = 'running' AND observed = 'absent' AND (wanted_at, id) < (%s, %s)
               AND NOT (attempts_generation = generation AND attempts >= {most})
               AND NOT (reason = 'tenant_limit'
                        AND (reason_detail->>'generation')::int = generation) AS first
        FROM provisioner_desktop
        WHERE (desired = 'running' OR observed <> 'absent') AND id <> %s {pool}
    ) AS others
"""


def _over_the_limit(desktop: Desktop) -> str:
    limit: int = settings.ATELIER.tenant_running_limit
    _lock(TENANTS, str(desktop.tenant_id))
    others = sql.run(_OTHERS, [desktop.tenant_id, desktop.id]).fetchone()
    return TENANT_LIMIT if others and others[0] >= limit else ""


def _must_wait(desktop: Desktop, need: stocks.Need, total: int | None) -> str:
    if total is None:
        return ""
    _lock(POOLS, need.pool)
    statement = _BEFORE.format(
        amount=_AMOUNT[one_pool()],
        takes=_TAKES,
        most=MAX_ATTEMPTS,
        pool="" if one_pool() else "AND gpu_class = %s",
    )
    values = [desktop.wanted_at, desktop.id, desktop.id, *([] if one_pool() else [need.pool])]
    taken, ahead = sql.run(statement, values).fetchone() or (0, 0)
    if one_pool() and not ahead:
        return ""  # how many fit on one machine, the machine itself knows best
    return NONE_FREE if taken + ahead + need.cards > total else ""


def _lock(kind: int, key: str) -> None:
    sql.run("SELECT pg_advisory_xact_lock(%s::int4, hashtext(%s::text))", [kind, key])


# --- Waiting ------------------------------------------------------------------------------------


def _waiting(pool: str) -> QuerySet[Desktop]:
    """Also those whose pod waits in the cluster because the scheduler found no card."""
    rows = Desktop.objects.filter(
        desired=Desired.RUNNING,
        observed__in=(Observed.ABSENT, Observed.PENDING),
        reason=NONE_FREE,
    )
    rows = rows.alias(told_for=TOLD_FOR).filter(told_for=F("generation"))
    rows = rows.order_by("wanted_at", "id")
    return stocks.of_pool(rows, pool)


def waiting_ids(gpu_class: str) -> list[UUID]:
    """Who waits for this class, the next one first."""
    return list(_waiting(pool_of(gpu_class)).values_list("id", flat=True))


def next_waiters(gpu_class: str, tenant_id: UUID, *, count: int = 1) -> list[UUID]:
    """Who may have a turn, now that a desktop of this class and tenant took its leave."""
    rows = _waiting(pool_of(gpu_class)).filter(observed=Observed.ABSENT)
    limited = Desktop.objects.filter(
        desired=Desired.RUNNING,
        observed=Observed.ABSENT,
        reason=TENANT_LIMIT,
        tenant_id=tenant_id,
    ).order_by("wanted_at", "id")
    return [*rows.values_list("id", flat=True)[:count], *limited.values_list("id", flat=True)[:1]]


def all_waiters(*, at_most: int = 200) -> list[UUID]:
    """Who waits for any card, the longest waiting first: when machines came."""
    rows = Desktop.objects.filter(
        desired=Desired.RUNNING, observed=Observed.ABSENT, reason=NONE_FREE
    ).order_by("wanted_at")
    return list(rows.values_list("id", flat=True)[:at_most])


def place(desktop: Desktop) -> Place | None:
    """Its place in the queue; None when it is not waiting for a card."""
    if not desktop.waiting or desktop.reason != NONE_FREE:
        return None
    gpu_class = desktop.gpu_class
    ids = waiting_ids(gpu_class)
    if desktop.id not in ids:
        return None
    number = ids.index(desktop.id) + 1
    return Place(place=number, waiting=len(ids), eta_s=eta_s(gpu_class, number))


def eta_s(gpu_class: str, number: int) -> float | None:
    """How long until the `number`-th waiter has its turn, if cards of this class become free as
    often as they did lately; None while too few did."""
    since = timezone.now() - HISTORY_AGE
    freed = Transition.objects.filter(
        source=Transition.Source.EYE, observed=Observed.ABSENT, reason="", at__gte=since
    )
    if not one_pool():
        freed = freed.filter(desktop__gpu_class=gpu_class)
    moments = list(freed.order_by("-id").values_list("at", flat=True)[:HISTORY])
    if len(moments) < ENOUGH:
        return None
    span_s = (timezone.now() - min(moments)).total_seconds()
    return number * span_s / len(moments)


# --- Stock --------------------------------------------------------------------------------------


def stock(kinds: dict[str, Kind] | None = None) -> dict[str, Stock]:
    """Cards by class: `kinds` says which machines hold which. The key "" stands for plans without
    a card; in a cluster it is missing, because those wait for nothing."""
    waiting = {name: len(waiting_ids(name)) for name in (kinds or [""])}
    return stocks.by_class(kinds or {}, waiting)
