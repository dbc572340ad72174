"""Who waits for which graphics card, in which place; and how many are free.

First come, first served within a pool. On one machine the places are the pool, whatever card a
plan asks for; a cluster has one pool a card class.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from provisioner.models import Desktop
from provisioner.states import Desired, Observed


@dataclass(frozen=True, slots=True)
class Place:
    """`place` 1 is next. `eta_s` is None while there is no history to tell it from."""

    place: int
    waiting: int
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stock:
    total: int
    free: int
    waiting: int


def _one_pool() -> bool:
    return bool(settings.ATELIER.driver in ("local", "memory"))


def pool_of(gpu_class: str) -> str:
    """Which pool serves this class of cards."""
    return "" if _one_pool() else gpu_class


def _waiting(pool: str) -> QuerySet[Desktop]:
    rows = Desktop.objects.filter(
        desired=Desired.RUNNING, observed=Observed.ABSENT, reason="gpu_none_free"
    ).order_by("wanted_at", "id")
    return rows if _one_pool() else rows.filter(spec__gpu_class=pool)


def _present(pool: str) -> int:
    rows = Desktop.objects.exclude(observed=Observed.ABSENT)
    return (rows if _one_pool() else rows.filter(spec__gpu_class=pool)).count()


def waiting_ids(gpu_class: str) -> list[UUID]:
    """Who waits for this class, the next one first."""
    rows = _waiting(pool_of(gpu_class))
    return [row.id for row in rows if row.waiting and not row.exhausted]


def place(desktop: Desktop) -> Place | None:
    """Its place in the queue; None when it is not waiting."""
    if not desktop.waiting:
        return None
    ids = waiting_ids(desktop.spec.get("gpu_class", ""))
    if desktop.id not in ids:
        return None
    return Place(place=ids.index(desktop.id) + 1, waiting=len(ids))


def must_wait(desktop: Desktop) -> bool:
    """Others came first and would take all that is free."""
    gpu_class = desktop.spec.get("gpu_class", "")
    ids = waiting_ids(gpu_class)
    ahead = ids.index(desktop.id) if desktop.id in ids else len(ids)
    if ahead == 0:
        return False
    free = max(0, settings.ATELIER.local_slots - _present(pool_of(gpu_class)))
    return ahead >= free


def stock() -> dict[str, Stock]:
    """Places by card class; the key "" stands for plans without a card."""
    slots: int = settings.ATELIER.local_slots
    used = _present("")
    waiting = len(waiting_ids(""))
    return _OnePool(Stock(total=slots, free=max(0, slots - used), waiting=waiting))


class _OnePool(dict[str, Stock]):
    """One pool serves every class of cards: whatever is asked for, the answer is the same."""

    def __init__(self, one: Stock) -> None:
        super().__init__({"": one})
        self._one = one

    def __missing__(self, key: str) -> Stock:
        return self._one

    def get(self, key: str, default: Stock | None = None) -> Stock:  # type: ignore[override]
        return self._one
