"""How pictures hang and boxes stand: shapes for the shop window. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.catalog.models import Setup
from portal.catalog.presence import HERE, Presence
from portal.templatetags.atelier import in_language
from provisioner.queue import Stock

PHASES = ("card", "disk", "setup", "desktop")

# Uneven sizes, as on a wall: columns of twelve, six pictures to a rhythm.
RHYTHM = (
    "lg:col-span-5",
    "lg:col-span-4",
    "lg:col-span-3",
    "lg:col-span-3",
    "lg:col-span-5",
    "lg:col-span-4",
)

# The pictures that the front wall shows, best first; names for those that are not yet setups.
FRONT: tuple[tuple[str, str | Promise], ...] = (
    ("mountain-ink", _("Mountain Ink")),
    ("drifting-sand", _("Drifting Sand")),
    ("clear-day", _("Clear Day")),
    ("long-lens", _("Long Lens")),
    ("two-colour-press", _("Two-Colour Press")),
)


@dataclass(frozen=True)
class Hung:
    setup: Setup
    span: str
    tall: str
    presence: Presence = HERE
    starts_in_s: float | None = None  # what a start usually takes, where there were some


@dataclass(frozen=True)
class Picture:
    cover: str
    title: str
    maker: str | Promise


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    free: bool


@dataclass(frozen=True)
class StockStrip:
    total: int
    free: int
    waiting: int
    boxes: tuple[Box, ...]
    width: int
    offline: int = 0
    always: bool = False  # nothing to wait for


def hang(setups: list[Setup], seen: Mapping[str, Presence] | None = None) -> list[Hung]:
    """Rows of three in uneven widths; the second row hangs lower than the first.

    What is not on this installation hangs last.
    """
    seen = seen or {}
    ordered = sorted(setups, key=lambda setup: not seen.get(setup.slug, HERE).here)
    return [
        Hung(
            setup,
            RHYTHM[n % 6],
            "lg:h-[340px]" if n % 6 < 3 else "lg:h-[286px]",
            seen.get(setup.slug, HERE),
        )
        for n, setup in enumerate(ordered)
    ]


def front(setups: list[Setup]) -> list[Picture]:
    """Five pictures for the first screen; with the maker's name where they are setups."""
    offered = {setup.cover.removesuffix(".webp"): setup for setup in setups}
    return [
        Picture(
            cover=f"covers/{name}.webp",
            title=in_language(offered[name], "title") if name in offered else str(title),
            maker=offered[name].creator if name in offered else "" if n else _("drawn by code"),
        )
        for n, (name, title) in enumerate(FRONT)
    ]


def strip(stock: Stock | None) -> StockStrip:
    """Two rows of boxes, the free ones first; more than 64 places are told by the figure."""
    if stock is None:
        return StockStrip(0, 0, 0, (), 0, always=True)
    shown = min(stock.total, 64)
    free = round(stock.free * shown / stock.total) if stock.total else 0
    rows = 2 if shown > 4 else 1
    boxes = tuple(
        Box(x=7 * (n // rows), y=8 * (n % rows) if rows == 2 else 4, free=n < free)
        for n in range(shown)
    )
    width = 7 * ((shown + rows - 1) // rows)
    return StockStrip(stock.total, stock.free, stock.waiting, boxes, width, offline=stock.offline)
