"""How many cards there are, are taken and are free; counted from machines and desktops.

A desktop takes its place from the moment it was let in (an attempt of this generation is written
down) until it was seen to be absent, so no card is given away while its pod is on the way.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet

from provisioner.fleet.models import Node
from provisioner.models import MAX_ATTEMPTS, Desktop
from provisioner.states import Desired, Observed

# How old a snapshot may be, and how many cards must be left for it to decide alone: more than all
# workers together let in while it ages.
SNAPSHOT_S = 1.0
PLENTY = 200
PLENTY_OF_TENANT = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of cards as machines show it."""

    resource: str
    node_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """What one desktop asks of its pool."""

    pool: str
    cards: int
    kind: Kind
    tenant: UUID


@dataclass(frozen=True, slots=True)
class Stock:
    """Cards (places, on one machine). `total` = `free` + `in_use` + `offline`."""

    total: int
    free: int
    waiting: int
    in_use: int = 0
    offline: int = 0


def one_pool() -> bool:
    return bool(settings.ATELIER.driver in ("local", "memory"))


def pool_of(gpu_class: str) -> str:
    """Which pool serves this class of cards."""
    return "" if one_pool() else gpu_class


def need_of(desktop: Desktop) -> Need:
    sold = desktop.spec
    return Need(
        pool=pool_of(desktop.gpu_class),
        cards=1 if one_pool() else sold.get("gpu_count", 0),
        kind=Kind(sold.get("gpu_resource", ""), sold.get("gpu_node_labels", {})),
        tenant=desktop.tenant_id,
    )


def of_pool(rows: QuerySet[Desktop], pool: str) -> QuerySet[Desktop]:
    return rows if one_pool() else rows.filter(gpu_class=pool)


def taking() -> QuerySet[Desktop]:
    """Everything that takes a place."""
    let_in = Q(
        desired=Desired.RUNNING,
        attempts_generation=F("generation"),
        attempts__gt=0,
        attempts__lt=MAX_ATTEMPTS,
    )
    return Desktop.objects.filter(~Q(observed=Observed.ABSENT) | let_in)


def _usable(machines: list[Node], kind: Kind) -> int:
    return sum(
        max(0, machine.allocatable.get(kind.resource, 0) - machine.taken.get(kind.resource, 0))
        for machine in _holding(machines, kind)
        if machine.ready
    )


def _holding(machines: list[Node], kind: Kind) -> list[Node]:
    wanted = kind.node_labels.items()
    return [machine for machine in machines if wanted <= machine.labels.items()]


# --- For people ---------------------------------------------------------------------------------


def by_class(kinds: Mapping[str, Kind], waiting: Mapping[str, int]) -> dict[str, Stock]:
    if one_pool():
        slots: int = settings.ATELIER.local_slots
        used = taking().count()
        queued = max(waiting.values(), default=0)
        free = max(0, slots - used)
        return _OnePool(Stock(total=slots, free=free, waiting=queued, in_use=min(used, slots)))
    machines = list(Node.objects.all())
    used_by: Counter[str] = Counter()
    for gpu_class, spec in (
        taking().exclude(gpu_class="").values_list("gpu_class", "spec__gpu_count")
    ):
        used_by[gpu_class] += spec or 0
    return {
        name: _stock(machines, kind, used_by[name], waiting.get(name, 0))
        for name, kind in kinds.items()
    }


def _stock(machines: list[Node], kind: Kind, used: int, waiting: int) -> Stock:
    total = sum(machine.capacity.get(kind.resource, 0) for machine in _holding(machines, kind))
    usable = _usable(machines, kind)
    free = max(0, usable - used)
    in_use = min(used, total - free)
    return Stock(
        total=total, free=free, waiting=waiting, in_use=in_use, offline=total - free - in_use
    )


class _OnePool(dict[str, Stock]):
    """One pool serves every class of cards: whatever is asked for, the answer is the same."""

    def __init__(self, one: Stock) -> None:
        super().__init__({"": one})
        self._one = one

    def __missing__(self, key: str) -> Stock:
        return self._one

    def get(self, key: str, default: Any = None) -> Stock:
        return self._one


# --- For workers in a hurry ---------------------------------------------------------------------


_COUNT = """
    SELECT gpu_class, tenant_id,
           coalesce(sum((spec->>'gpu_count')::int) FILTER (WHERE NOT given_up), 0),
           count(*) FILTER (WHERE NOT given_up)
    FROM (SELECT gpu_class, tenant_id, spec,
                 observed = 'absent' AND attempts_generation = generation AND attempts >= %s
                     AS given_up
          FROM provisioner_desktop WHERE desired = 'running' OR observed <> 'absent') d
    GROUP BY gpu_class, tenant_id
"""


class Snapshot:
    """What is taken or asked for, a moment ago, and what this process gave away since."""

    def __init__(self) -> None:
        self.made_s = time.monotonic()
        self._cards: Counter[str] = Counter()
        self._desktops: Counter[UUID] = Counter()
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [MAX_ATTEMPTS])
            for gpu_class, tenant, cards, desktops in cursor.fetchall():
                self._cards[gpu_class] += cards
                self._desktops[tenant] += desktops
        self._machines = list(Node.objects.all())
        self._totals: dict[str, int] = {}

    def near_limit(self, need: Need) -> bool:
        """This tenant may be about to run as many as it may."""
        limit: int = settings.ATELIER.tenant_running_limit
        return bool(limit) and self._desktops[need.tenant] + PLENTY_OF_TENANT > limit

    def nearly_full(self, need: Need) -> bool:
        """There may not be enough for everybody who asks."""
        total = self.total_of(need)
        return total is not None and (one_pool() or total - self._cards[need.pool] < PLENTY)

    def total_of(self, need: Need) -> int | None:
        """How many there are at all; None where nothing is counted, or nobody has looked yet."""
        if one_pool():
            return int(settings.ATELIER.local_slots)
        if not need.pool or not self._machines:
            return None
        if need.pool not in self._totals:
            self._totals[need.pool] = _usable(self._machines, need.kind)
        return self._totals[need.pool]

    def took(self, need: Need) -> None:
        self._cards[need.pool] += need.cards
        self._desktops[need.tenant] += 1


_latest: Snapshot | None = None
_latest_lock = threading.Lock()


def snapshot() -> Snapshot:
    """At most SNAPSHOT_S old."""
    global _latest  # noqa: PLW0603 - one a process
    with _latest_lock:
        if _latest is None or time.monotonic() - _latest.made_s > SNAPSHOT_S:
            _latest = Snapshot()
        return _latest
