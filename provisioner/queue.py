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
from django.db import connection, transaction
from django.db.models import F, IntegerField, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

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
    if snapshot.plenty(need):
        yield ""
        snapshot.took(need)
        return
    with transaction.atomic():
        _lock(TENANTS, str(desktop.tenant_id))
        _lock(POOLS, need.pool)
        cause = _over_the_limit(desktop) or _must_wait(desktop, need)
        yield cause
    stocks.forget_snapshot()


def _over_the_limit(desktop: Desktop) -> str:
    limit: int = settings.ATELIER.tenant_running_limit
    if not limit:
        return ""
    others = stocks.taking().filter(tenant_id=desktop.tenant_id).exclude(id=desktop.id)
    return TENANT_LIMIT if others.count() >= limit else ""


def _must_wait(desktop: Desktop, need: stocks.Need) -> str:
    total = stocks.total_of(need)
    if total is None:
        return ""
    ahead = _cards(_before(desktop, need))
    if one_pool() and not ahead:
        return ""  # how many fit on one machine, the machine itself knows best
    taken = _cards(stocks.of_pool(stocks.taking(), need.pool).exclude(id=desktop.id))
    return NONE_FREE if taken + ahead + need.cards > total else ""


def _before(desktop: Desktop, need: stocks.Need) -> QuerySet[Desktop]:
    """Who came first and has not been let in, tenants at their limit left out."""
    came_first = Q(wanted_at__lt=desktop.wanted_at) | Q(
        wanted_at=desktop.wanted_at, id__lt=desktop.id
    )
    rows = stocks.of_pool(
        Desktop.objects.filter(desired=Desired.RUNNING, observed=Observed.ABSENT), need.pool
    )
    given_up = Q(attempts_generation=F("generation"), attempts__gte=MAX_ATTEMPTS)
    let_in = Q(attempts_generation=F("generation"), attempts__gt=0)
    limited = Q(reason=TENANT_LIMIT, told_for=F("generation"))
    return (
        rows.alias(told_for=TOLD_FOR)
        .filter(came_first)
        .exclude(given_up)
        .exclude(let_in)
        .exclude(limited)
    )


def _cards(rows: QuerySet[Desktop]) -> int:
    """How many places these take: cards in a cluster, desktops on one machine."""
    if one_pool():
        return rows.count()
    count = Cast(KeyTextTransform("gpu_count", "spec"), IntegerField())
    return rows.aggregate(cards=Sum(count))["cards"] or 0


def _lock(kind: int, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (kind, key))


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
    return round(number * span_s / len(moments), 1)


# --- Stock --------------------------------------------------------------------------------------


def stock(kinds: dict[str, Kind] | None = None) -> dict[str, Stock]:
    """Cards by class: `kinds` says which machines hold which. The key "" stands for plans without
    a card; in a cluster it is missing, because those wait for nothing."""
    waiting = {name: len(waiting_ids(name)) for name in (kinds or [""])}
    return stocks.by_class(kinds or {}, waiting)
