"""What all desktops of a tenant come to: how many run, and what that costs an hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from billing import money
from billing.errors import UnknownPlan
from billing.pricing import publishing
from provisioner.desktops import Desktop
from provisioner.states import Status


@dataclass(frozen=True)
class Overview:
    count: int
    running: int
    starting: int
    hour: str  # everything together, disks included; empty without a price book


def overview(rows: Iterable[Desktop]) -> Overview:
    rows = list(rows)
    running = [row for row in rows if row.status == Status.RUNNING]
    starting = [row for row in rows if row.status in (Status.STARTING, Status.QUEUED)]
    return Overview(len(rows), len(running), len(starting), _hour(rows))


def _hour(rows: list[Desktop]) -> str:
    prices = publishing.current()
    if prices is None:
        return ""
    total = 0
    for row in rows:
        try:
            price = prices.of(row.spec["plan"])
        except UnknownPlan:
            continue
        alive = row.status == Status.RUNNING
        total += price.running_micros_per_hour if alive else price.disk_micros_per_hour
    return money.format(total, prices.currency)
