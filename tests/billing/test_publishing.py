"""A price that was published never changes; a new price is a new book."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError, ProgrammingError
from psycopg.errors import RaiseException

from billing.errors import UnknownCurrency, UnknownPlan
from billing.pricing import publishing
from billing.pricing.models import PlanPrice, PriceBook
from billing.pricing.publishing import Price

PRICES = {"files": (160_000, 25_000), "aigc-a4000": (1_980_000, 25_000)}


@pytest.mark.django_db
def test_there_are_no_prices_before_the_first_book() -> None:
    assert publishing.current() is None


@pytest.mark.django_db
def test_it_publishes_and_tells_the_newest() -> None:
    first = publishing.publish(currency="CNY", prices=PRICES)
    second = publishing.publish(currency="CNY", prices=PRICES | {"files": (170_000, 25_000)})
    assert (first.version, second.version) == (1, 2)
    prices = publishing.current()
    assert prices is not None and (prices.version, prices.currency) == (2, "CNY")
    assert prices.of("files") == Price(170_000, 25_000)
    assert PlanPrice.objects.get(book=first, plan="files").running_micros_per_hour == 160_000
    with pytest.raises(UnknownPlan, match="price book 2 names no plan 'studio'"):
        prices.of("studio")


@pytest.mark.django_db
def test_nothing_new_is_no_new_book() -> None:
    first = publishing.publish(currency="CNY", prices=PRICES)
    again = publishing.publish(currency="CNY", prices=dict(reversed(PRICES.items())))
    assert again == first
    assert PriceBook.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("currency", "prices"),
    [
        ("USD", PRICES),
        ("CNY", PRICES | {"studio": (1, 1)}),
        ("CNY", {"files": PRICES["files"]}),
        ("CNY", PRICES | {"files": (160_000, 25_001)}),
    ],
)
def test_every_difference_is_a_new_book(currency: str, prices: dict[str, tuple[int, int]]) -> None:
    publishing.publish(currency="CNY", prices=PRICES)
    assert publishing.publish(currency=currency, prices=prices).version == 2


@pytest.mark.django_db
def test_a_price_below_nothing_and_a_strange_currency_are_refused() -> None:
    with pytest.raises(ValueError, match="negative price for files"):
        publishing.publish(currency="CNY", prices={"files": (1, -1)})
    with pytest.raises(UnknownCurrency):
        publishing.publish(currency="XYZ", prices=PRICES)
    assert not PriceBook.objects.exists()


STATEMENTS = [
    "UPDATE pricing_planprice SET running_micros_per_hour = 1",
    "UPDATE pricing_pricebook SET currency = 'USD'",
    "DELETE FROM pricing_planprice",
    "DELETE FROM pricing_pricebook",
    "TRUNCATE pricing_planprice",
    "TRUNCATE pricing_pricebook CASCADE",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_itself_refuses_to_change_what_is_published(statement: str) -> None:
    publishing.publish(currency="CNY", prices=PRICES)
    before = list(PlanPrice.objects.values())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Only the tests' own flush may empty tables; here we are the platform.
        cursor.execute("SET LOCAL atelier.truncate_allowed = 'no'")
        with pytest.raises((InternalError, ProgrammingError)) as refused, transaction.atomic():
            cursor.execute(statement)
    assert isinstance(refused.value.__cause__, RaiseException)
    assert "published prices never change" in str(refused.value)
    assert list(PlanPrice.objects.values()) == before


@pytest.mark.django_db
def test_a_plan_has_one_price_in_a_book() -> None:
    book = publishing.publish(currency="CNY", prices=PRICES)
    with pytest.raises(IntegrityError, match="plan_price_once_a_book"), transaction.atomic():
        PlanPrice.objects.create(
            book=book, plan="files", running_micros_per_hour=1, disk_micros_per_hour=1
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("alike", [True, False])
def test_many_publishers_at_once_are_put_one_after_the_other(alike: bool) -> None:
    together = threading.Barrier(6)

    def publish(number: int) -> int:
        try:
            together.wait(20)
            price = (1_000, 0) if alike else (1_000 + number, 0)
            return publishing.publish(currency="CNY", prices={"files": price}).version
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        versions = sorted(pool.map(publish, range(6)))
    assert versions == ([1] * 6 if alike else [1, 2, 3, 4, 5, 6])
    assert PriceBook.objects.count() == len(set(versions))
