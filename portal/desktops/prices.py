"""What plans cost, as pages show it. Nothing is charged yet, and every page says so."""

from __future__ import annotations

from dataclasses import dataclass

from billing import money
from billing.errors import UnknownPlan
from billing.pricing import publishing


@dataclass(frozen=True)
class Shown:
    """Prices in words' shape: `¥1.98`, never a bare number."""

    hour: str
    second: str
    disk_day: str
    nothing: str


def of(plan_slug: str, prices: publishing.Prices | None = None) -> Shown | None:
    """None while no price book names the plan."""
    prices = prices or publishing.current()
    if prices is None:
        return None
    try:
        price = prices.of(plan_slug)
    except UnknownPlan:
        return None
    currency = prices.currency
    return Shown(
        hour=money.format(price.running_micros_per_hour, currency),
        second=money.exact(round(price.running_micros_per_hour / 3600), currency),
        disk_day=money.format(price.disk_micros_per_hour * 24, currency),
        nothing=money.format(0, currency),
    )
