"""Publishes price books and tells the prices of today. What is published never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction

from billing import money
from billing.errors import UnknownPlan
from billing.pricing.models import PlanPrice, PriceBook

# Any constant will do, as long as nobody else takes the same advisory lock.
_LOCK = 7_012_001


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-units an hour: while running, and for the kept disk while not."""

    running_micros_per_hour: int
    disk_micros_per_hour: int


@dataclass(frozen=True, slots=True)
class Prices:
    """One published book."""

    version: int
    currency: str
    by_plan: dict[str, Price]

    def of(self, plan: str) -> Price:
        """UnknownPlan when the book does not name it."""
        try:
            return self.by_plan[plan]
        except KeyError:
            raise UnknownPlan(f"price book {self.version} names no plan {plan!r}") from None


@transaction.atomic
def publish(*, currency: str, prices: dict[str, tuple[int, int]]) -> PriceBook:
    """Publish a new book; the current one is answered where nothing would change.

    `prices`: plan slug → (running, disk) in micro-units an hour. Two publishers at once are put
    one after the other.
    """
    money.sign(currency)
    wrong = [plan for plan, pair in prices.items() if min(pair) < 0]
    if wrong:
        raise ValueError(f"negative price for {', '.join(wrong)}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    now = current()
    wanted = {plan: Price(*pair) for plan, pair in prices.items()}
    if now is not None and (now.currency, now.by_plan) == (currency, wanted):
        return PriceBook.objects.get(version=now.version)
    book = PriceBook.objects.create(version=now.version + 1 if now else 1, currency=currency)
    PlanPrice.objects.bulk_create(
        PlanPrice(
            book=book,
            plan=plan,
            running_micros_per_hour=price.running_micros_per_hour,
            disk_micros_per_hour=price.disk_micros_per_hour,
        )
        for plan, price in wanted.items()
    )
    return book


def current() -> Prices | None:
    """The newest book; None while there is none."""
    book = PriceBook.objects.order_by("-version").first()
    return None if book is None else _prices(book)


@lru_cache(maxsize=4)
def _prices(book: PriceBook) -> Prices:
    """Read once: a book is never changed."""
    return Prices(
        version=book.version,
        currency=book.currency,
        by_plan={
            price.plan: Price(price.running_micros_per_hour, price.disk_micros_per_hour)
            for price in book.prices.all()
        },
    )
