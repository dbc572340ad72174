"""What the launch page offers: every setup, and every plan measured against the chosen setup."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.pricing import publishing
from portal.catalog import offers, presence, versions
from portal.catalog.models import Plan, Setup
from portal.desktops import prices, selling, usual
from portal.desktops.lengths import gigabytes, length
from portal.desktops.words import by_language
from provisioner.queue import Stock

PREFERRED_PLAN = "aigc-a4000"


@dataclass(frozen=True)
class SetupChoice:
    slug: str
    title: str
    summary: str
    creator: str
    creator_url: str
    webui: str
    version: str
    licence: str
    cover: str
    need_mib: int
    size: str
    chosen: bool
    not_here: str = ""  # why it cannot be launched on this installation; empty: it can
    usual: str = ""

    @property
    def need(self) -> str:
        return gigabytes(self.need_mib) if self.need_mib else _("not needed")

    @property
    def maker_text(self) -> str:
        return " · ".join(part for part in (self.creator, self.webui) if part)


@dataclass(frozen=True)
class PlanChoice:
    plan: Plan
    card: str
    shape: str
    have_mib: int
    bar: float  # this card's memory as a share of the largest one offered, per cent
    fill: float  # the setup's need on the same scale, at most the bar
    mark: float  # the setup's need on the same scale
    price: prices.Shown | None
    stock: Stock | None
    fits: bool
    fit_text: str
    usual: str
    chosen: bool

    @property
    def have(self) -> str:
        return gigabytes(self.have_mib) if self.have_mib else ""

    @property
    def place(self) -> int:
        """The place in the queue that a launch would get now; 0 when it starts at once."""
        if self.stock is None or self.stock.free > self.stock.waiting:
            return 0
        return self.stock.waiting + 1


@dataclass(frozen=True)
class Offering:
    setups: list[SetupChoice]
    plans: list[PlanChoice]
    edition: str = ""  # the earlier version that was asked for, as `setup@version`

    @property
    def setup(self) -> SetupChoice | None:
        return next((choice for choice in self.setups if choice.chosen), None)

    @property
    def plan(self) -> PlanChoice | None:
        return next((choice for choice in self.plans if choice.chosen), None)

    def starters(self, count: int) -> list[SetupChoice]:
        """The first setups that the chosen plan carries, those with a WebUI before others."""
        if self.plan is None:
            return []
        fitting = [s for s in self.setups if s.need_mib <= self.plan.have_mib and not s.not_here]
        return sorted(fitting, key=lambda s: not s.webui)[:count]


def offering(*, setup: str = "", plan: str = "", version: str = "") -> Offering:
    """With the wanted setup and plan chosen; else the first WebUI and the best plan that fits.

    What is not on this installation stands last, and is not chosen.
    """
    setups, plans = offers.setups(), offers.plans()
    here = {s.slug: presence.of(s).here for s in setups}
    setups.sort(key=lambda s: not here[s.slug])
    able = [s for s in setups if here[s.slug]]
    first = next((s for s in able if s.webui), able[0] if able else None)
    wanted = next((s for s in able if s.slug == setup), first)
    if wanted is None:
        return Offering([], [])
    earlier = versions.edition(wanted, version) if version and wanted.slug == setup else None
    if earlier is not None:
        place = setups.index(wanted)
        setups[place] = wanted = earlier
    chosen = _plan(plans, wanted, plan)
    largest = max((p.vram_mib for p in plans), default=0) or 1
    book, stock = publishing.current(), selling.stock()
    return Offering(
        setups=[
            _setup(s, chosen=s.slug == wanted.slug, here=here[s.slug], plan=chosen) for s in setups
        ],
        plans=[
            _choice(p, wanted, largest, book, stock, chosen=chosen is not None and p == chosen)
            for p in plans
        ],
        edition=f"{earlier.slug}@{earlier.version}" if earlier else "",
    )


def _plan(plans: list[Plan], setup: Setup, wanted: str) -> Plan | None:
    fitting = [plan for plan in plans if offers.fits(plan, setup).ok]
    for slug in (wanted, PREFERRED_PLAN):
        for plan in fitting:
            if plan.slug == slug:
                return plan
    return fitting[0] if fitting else None


def _setup(setup: Setup, *, chosen: bool, here: bool, plan: Plan | None) -> SetupChoice:
    past = usual.start(plan=plan.slug, setup=setup.slug) if plan else None
    return SetupChoice(
        slug=setup.slug,
        title=by_language(setup.title_en, setup.title_zh),
        summary=by_language(setup.summary_en, setup.summary_zh),
        creator=setup.creator,
        creator_url=setup.creator_url,
        webui=setup.webui,
        version=setup.version,
        licence=setup.licence,
        cover=setup.cover,
        need_mib=setup.min_vram_mib,
        size=gigabytes(setup.size_mib),
        chosen=chosen,
        not_here="" if here else selling.not_here(setup),
        usual=length(past.total_s) if past else "",
    )


def _choice(
    plan: Plan,
    setup: Setup,
    largest: int,
    book: publishing.Prices | None,
    stock: dict[str, Stock],
    *,
    chosen: bool,
) -> PlanChoice:
    fit = offers.fits(plan, setup)
    past = usual.start(plan=plan.slug, setup=setup.slug)
    mark = min(100.0, 100 * setup.min_vram_mib / largest)
    bar = 100 * plan.vram_mib / largest
    return PlanChoice(
        plan=plan,
        card=plan.gpu_class.title if plan.gpu_class else _("no graphics card"),
        shape=_("{n} cores, {memory}").format(n=plan.vcpus, memory=gigabytes(plan.memory_mib)),
        have_mib=plan.vram_mib,
        bar=round(bar, 1),
        fill=round(min(bar, mark), 1),
        mark=round(mark, 1),
        price=prices.of(plan.slug, book) if book else None,
        stock=stock.get(plan.gpu_class.slug if plan.gpu_class else ""),
        fits=fit.ok,
        fit_text=_fit_text(plan, setup) if fit.ok else selling.misfit(setup, fit),
        usual=length(past.total_s) if past else "",
        chosen=chosen,
    )


def _fit_text(plan: Plan, setup: Setup) -> str:
    if not setup.min_vram_mib:
        return _("needs no video memory")
    return _("needs {need}, leaves {left}").format(
        need=gigabytes(setup.min_vram_mib), left=gigabytes(plan.vram_mib - setup.min_vram_mib)
    )
