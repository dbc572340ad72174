"""Money is an integer of micro-units (a millionth of the currency's unit), never a float.

Shown amounts are rounded half to even at the second decimal; the exact value is one step away.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from billing.errors import UnknownCurrency

MICROS = 1_000_000
# ISO 4217 code → sign, decimals that people are shown.
CURRENCIES: dict[str, tuple[str, int]] = {
    "CNY": ("¥", 2),
    "USD": ("$", 2),
    "EUR": ("€", 2),
    "JPY": ("¥", 0),
}
MINUS = "−"


def sign(currency: str) -> str:
    """The currency's sign. UnknownCurrency."""
    return _known(currency)[0]


def format(micros: int, currency: str) -> str:
    """As people are shown it: `¥1.98`, `−¥1.56`."""
    mark, decimals = _known(currency)
    step = Decimal(1).scaleb(-decimals)
    shown = (Decimal(micros) / MICROS).quantize(step, rounding=ROUND_HALF_EVEN)
    return f"{MINUS if shown < 0 else ''}{mark}{abs(shown):,.{decimals}f}"


def exact(micros: int, currency: str) -> str:
    """To the last micro-unit: `¥4.219050`."""
    mark, _decimals = _known(currency)
    return (
        f"{MINUS if micros < 0 else ''}{mark}{abs(micros) // MICROS:,}.{abs(micros) % MICROS:06d}"
    )


def _known(currency: str) -> tuple[str, int]:
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not one of {', '.join(CURRENCIES)}") from None
