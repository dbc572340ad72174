"""What visitors are shown: plans with prices and free places, setups, a start, a bill.

Everything here is read from the catalogue, the price book, the queue and the timeline. A figure
that nobody measured is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from billing import money
from billing.errors import UnknownPlan
from billing.pricing import publishing
from billing.pricing.publishing import Price, Prices
from portal import gallery, walls
from portal.catalog import offers
from portal.catalog.models import Plan, Setup
from portal.desktops import selling, usual
from portal.walls import StockStrip
from provisioner.timeline import StartHistory

EVENING_H = 3
ON_FRONT = 6  # pictures of setups on the front page: one rhythm of the wall
BEST_SELLER = "aigc-a4000"


@dataclass(frozen=True)
class PlanRow:
    plan: Plan
    card: str
    hour: str
    hour_exact: str
    evening: str
    disk_day: str
    stock: StockStrip

    @property
    def memory_gib(self) -> int:
        return self.plan.memory_mib // 1024


@dataclass(frozen=True)
class Start:
    """How a start went before: the median of real ones, phase by phase."""

    plan: Plan
    setup: Setup
    history: StartHistory

    @property
    def bands(self) -> list[tuple[str, float, float, float]]:
        """Key, seconds, and where it begins and how wide it is in per cent of the whole."""
        phases = [(key, self.history.phases.get(key, 0.0)) for key in walls.PHASES]
        whole = sum(seconds for _key, seconds in phases) or 1.0
        bands, left = [], 0.0
        for key, seconds in phases:
            wide = 100 * seconds / whole
            bands.append((key, seconds, left, wide))
            left += wide
        return bands


@dataclass(frozen=True)
class Step:
    """One phase of a start, in words; with seconds once there were starts."""

    key: str
    title: str
    sentence: str
    seconds: float | None = None


def front_page() -> dict[str, Any]:
    table = plan_table()
    rows: list[PlanRow] = table["plans"]
    setups = offers.setups()
    with_card = [row for row in rows if row.plan.gpu_class and row.hour]
    start = _usual_start([row.plan for row in rows], setups)
    return table | {
        "from_hour": with_card[0].hour if with_card else "",
        "painting": any(setup.webui for setup in setups),
        "wall": walls.front(setups),
        "hung": gallery.hung(_creators_first(setups))[:ON_FRONT],
        "setup_count": len(setups),
        "start": start,
        "steps": steps(start),
        "bill": _example_bill([row.plan for row in rows]),
        "best": next((row for row in rows if row.plan.slug == BEST_SELLER), None),
    }


def _creators_first(setups: list[Setup]) -> list[Setup]:
    """Pictures before tools; a plain desktop only where there is nothing else."""
    painting = [setup for setup in setups if setup.webui]
    return sorted(painting, key=lambda setup: not setup.extends) or setups


def plan_table() -> dict[str, Any]:
    book, stock = publishing.current(), selling.stock()
    rows = []
    for plan in offers.plans():
        here = stock.get(plan.gpu_class_id or "")
        shown = _shown(book, plan.slug)
        rows.append(
            PlanRow(
                plan=plan,
                card=_card(plan),
                **shown,
                stock=walls.strip(here),
            )
        )
    one_machine = settings.ATELIER.driver in ("local", "memory")
    return {"plans": rows, "one_machine": one_machine, "evening_h": EVENING_H}


def _card(plan: Plan) -> str:
    if plan.gpu_class is None:
        return _("none")
    several = f"{plan.gpu_count} × " if plan.gpu_count > 1 else ""
    return several + plan.gpu_class.title


def _price(book: Prices | None, plan: str) -> Price | None:
    try:
        return book.of(plan) if book else None
    except UnknownPlan:
        return None


def _shown(book: Prices | None, plan: str) -> dict[str, str]:
    price = _price(book, plan)
    if book is None or price is None:
        return {"hour": "", "hour_exact": "", "evening": "", "disk_day": ""}
    hour = price.running_micros_per_hour
    return {
        "hour": money.format(hour, book.currency),
        "hour_exact": money.exact(hour, book.currency),
        "evening": money.format(hour * EVENING_H, book.currency),
        "disk_day": money.format(price.disk_micros_per_hour * 24, book.currency),
    }


def steps(start: Start | None = None) -> list[Step]:
    """What happens between the press and the desktop."""
    told = {
        "card": (
            _("Find a card"),
            _("A free card is held for you, or you get a place in a queue."),
        ),
        "disk": (
            _("Prepare your disk"),
            _("New the first time; later the same one, as you left it."),
        ),
        "setup": (
            _("Fetch the setup"),
            _("The first time on a machine it is copied, then it is there."),
        ),
        "desktop": (
            _("Start the desktop"),
            _("Linux comes up, and the picture reaches your browser."),
        ),
    }
    seconds = start.history.phases if start else {}
    return [Step(key, *told[key], seconds.get(key)) for key in walls.PHASES]


def _usual_start(plans: list[Plan], setups: list[Setup]) -> Start | None:
    """The combination that was started most often here."""
    found = [
        Start(plan, setup, history)
        for plan in plans
        for setup in setups
        if (history := usual.start(plan=plan.slug, setup=setup.slug))
    ]
    return max(found, key=lambda start: start.history.starts, default=None)


@dataclass(frozen=True)
class BillLine:
    at: str
    what: str
    seconds: int
    amount: str


def _example_bill(plans: list[Plan]) -> dict[str, Any] | None:
    """An evening at today's price: what the meter would say. Nothing is charged yet."""
    book = publishing.current()
    plan = next((plan for plan in plans if plan.slug == BEST_SELLER), plans[0] if plans else None)
    price = _price(book, plan.slug) if plan else None
    if plan is None or price is None or book is None:
        return None
    evening = [
        ("18:58:40 → 19:00:26", _("waiting and starting"), 106, 0),
        ("19:00:26 → 21:46:03", _("running"), 9937, price.running_micros_per_hour),
        ("21:46:03 → 09:33:03", _("stopped, disk kept"), 42420, price.disk_micros_per_hour),
    ]
    amounts = [seconds * hourly // 3600 for _at, _what, seconds, hourly in evening]
    return {
        "plan": plan,
        "lines": [
            BillLine(at, what, seconds, money.exact(amount, book.currency))
            for (at, what, seconds, _hourly), amount in zip(evening, amounts, strict=True)
        ],
        "second": money.exact(price.running_micros_per_hour // 3600, book.currency),
        "running_s": 9937,
        "sum": money.format(sum(amounts), book.currency),
        "sum_exact": money.exact(sum(amounts), book.currency),
    }
