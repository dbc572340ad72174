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

    @classmethod
    def of(cls, *, need_mib: int, have_mib: int) -> Fit:
        """A card's memory against what a setup needs; several cards do not add up."""
        ok = have_mib >= need_mib
        return cls(ok, need_mib, have_mib, cause="" if ok else "vram_too_small")


def plans() -> list[Plan]:
    """What can be rented now, in the order of the file."""
    return list(Plan.objects.filter(offered=True).select_related("gpu_class"))


def setups() -> list[Setup]:
    """What can be launched now."""
    return list(Setup.objects.filter(offered=True).prefetch_related("versions"))


def fits(plan: Plan, setup: Setup) -> Fit:
    return Fit.of(need_mib=setup.min_vram_mib, have_mib=plan.vram_mib)
