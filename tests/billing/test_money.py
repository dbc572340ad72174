"""Money is integers; people see two decimals, and the exact value one step away."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import money
from billing.errors import BillingError, UnknownCurrency


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (1_980_000, "CNY", "¥1.98"),
        (0, "CNY", "¥0.00"),
        (-1_560_000, "CNY", "−¥1.56"),
        (1_234_567_890_000, "CNY", "¥1,234,567.89"),
        (25_000, "CNY", "¥0.02"),  # half to even: 0.025 → 0.02
        (35_000, "CNY", "¥0.04"),  # and 0.035 → 0.04
        (25_001, "CNY", "¥0.03"),
        (-1, "CNY", "¥0.00"),  # no minus before nothing
        (1_500_000, "JPY", "¥2"),
        (2_500_000, "JPY", "¥2"),
        (990_000, "USD", "$0.99"),
        (10**18, "EUR", "€1,000,000,000,000.00"),
    ],
)
def test_what_people_are_shown(micros: int, currency: str, shown: str) -> None:
    assert money.format(micros, currency) == shown


@pytest.mark.parametrize(
    ("micros", "exact"),
    [(4_219_050, "¥4.219050"), (1, "¥0.000001"), (-1, "−¥0.000001"), (0, "¥0.000000")],
)
def test_the_exact_value(micros: int, exact: str) -> None:
    assert money.exact(micros, "CNY") == exact


@given(st.integers(-(10**20), 10**20))
def test_exact_loses_nothing_and_shown_is_off_by_half_a_cent_at_most(micros: int) -> None:
    assert _read(money.exact(micros, "CNY")) * money.MICROS == micros
    off = abs(_read(money.format(micros, "CNY")) - Decimal(micros) / money.MICROS)
    assert off <= Decimal("0.005")


def _read(text: str) -> Decimal:
    plain = text.replace("¥", "").replace(",", "").replace(money.MINUS, "-")
    return Decimal(plain)


@pytest.mark.parametrize("verb", [money.format, money.exact])
def test_an_unknown_currency_is_refused(verb: object) -> None:
    with pytest.raises(UnknownCurrency, match="'XYZ' is not one of CNY"):
        verb(1, "XYZ")  # type: ignore[operator]
    assert issubclass(UnknownCurrency, BillingError)
