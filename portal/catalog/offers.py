"""What is on offer, and which plan carries which setup."""

from __future__ import annotations

from dataclasses import dataclass

from portal.catalog.models import Plan, Setup


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a plan carries a setup; `cause` is a key of the cause sentences when it does not."""

    ok: bool
    need_mib: int
    have_mib: int
    cause: str = ""


def plans() -> list[Plan]:
    """What can be rented now, in the order of the file."""
    return list(Plan.objects.filter(offered=True).select_related("gpu_class"))


def setups() -> list[Setup]:
    """What can be launched now."""
    return list(Setup.objects.filter(offered=True))


def fits(plan: Plan, setup: Setup) -> Fit:
    """The card's memory against what the setup needs; several cards do not add up."""
    need, have = setup.min_vram_mib, plan.vram_mib
    ok = have >= need
    return Fit(ok=ok, need_mib=need, have_mib=have, cause="" if ok else "vram_too_small")
