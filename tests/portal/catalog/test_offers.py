"""Which plan carries which setup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog import offers
from portal.catalog.models import GpuClass, Plan, Setup


def plan(vram_mib: int, *, count: int = 1) -> Plan:
    card = GpuClass(slug="card", title="Card", vram_mib=vram_mib) if vram_mib else None
    return Plan(slug="plan", gpu_class=card, gpu_count=count if card else 0)


@pytest.mark.parametrize(
    ("have", "need", "ok"),
    [
        (0, 0, True),
        (0, 1, False),
        (16384, 0, True),
        (16384, 16384, True),
        (16384, 16385, False),
        (12288, 14336, False),
    ],
)
def test_a_card_carries_what_it_has_the_memory_for(have: int, need: int, ok: bool) -> None:
    fit = offers.fits(plan(have), Setup(slug="setup", min_vram_mib=need))
    assert (fit.ok, fit.need_mib, fit.have_mib) == (ok, need, have)
    assert fit.cause == ("" if ok else "vram_too_small")


def test_two_cards_do_not_add_up() -> None:
    assert not offers.fits(plan(16384, count=2), Setup(slug="s", min_vram_mib=24576)).ok


@given(st.integers(0, 2**20), st.integers(0, 2**20), st.integers(0, 2**20))
def test_a_larger_card_carries_whatever_a_smaller_one_does(need: int, a: int, b: int) -> None:
    setup = Setup(slug="setup", min_vram_mib=need)
    if offers.fits(plan(min(a, b)), setup).ok:
        assert offers.fits(plan(max(a, b)), setup).ok
