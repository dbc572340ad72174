"""What pages say about one desktop: values only, no HTML. The small card beside the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from billing.pricing import publishing
from portal.accounts.permissions import Actor, may
from portal.catalog import presence
from portal.catalog.models import Setup
from portal.desktops import causes, history, phases, prices, usual
from portal.desktops.causes import Cause
from portal.desktops.lengths import clock, gigabytes, length, roughly
from portal.desktops.phases import Phase
from portal.desktops.words import LIMITS, STATUS, WALLS, by_language, listed
from provisioner import queue, timeline
from provisioner.desktops import Desktop, Spec
from provisioner.states import Status

ACTIONS = ("open", "start", "stop", "move", "rename", "delete", "launch")
COVER = "blank.webp"
EVENTS_SHOWN = 30


@dataclass(frozen=True)
class Viewer:
    """Who looks, as far as it changes what a page says. Equal viewers see equal pages."""

    language: str
    allowed: frozenset[str]
    operator: bool  # sees technical lines

    @classmethod
    def of(cls, actor: Actor, language: str) -> Viewer:
        return cls(
            language=language,
            allowed=frozenset(verb for verb in ACTIONS if may(actor, f"desktop.{verb}")),
            operator=actor.user.is_staff or actor.role in ("owner", "admin"),
        )


@dataclass(frozen=True)
class Start:
    """A start that goes on, or that failed."""

    phases: list[Phase]
    since: datetime
    elapsed_s: float
    total_s: float | None  # what it usually takes, all in all
    starts: int  # how many earlier starts that is from
    percent: float  # of the picture that is painted

    @property
    def now(self) -> Phase | None:
        return next((phase for phase in self.phases if phase.state == "now"), None)

    @property
    def expected_at(self) -> datetime | None:
        return None if self.total_s is None else self.since + timedelta(seconds=self.total_s)

    @property
    def left_s(self) -> float | None:
        return None if self.total_s is None else max(0.0, self.total_s - self.elapsed_s)

    @property
    def left(self) -> str:
        return "" if self.left_s is None else clock(self.left_s)

    @property
    def elapsed(self) -> str:
        return clock(self.elapsed_s)


@dataclass(frozen=True)
class Card:
    desktop: Desktop
    spec: Spec
    status: str
    word: str
    setup: str
    creator: str
    webui: str
    cover: str  # below static/covers/
    price: prices.Shown | None
    since: datetime | None = None  # when the present status began, where that is worth saying
    start: Start | None = None
    cause: Cause | None = None
    place: int | None = None
    eta_s: float | None = None
    limits: str = ""
    isolated: bool = True
    newer: str = ""  # version of its setup that is out since, and could be had here
    events: list[history.Event] = field(default_factory=list)

    @property
    def shows_files(self) -> bool:
        """Whether there is something to look at while it rests."""
        return self.desktop.ready_generation is not None

    @property
    def alive(self) -> bool:
        return self.status == Status.RUNNING

    @property
    def asks_to_move(self) -> bool:
        """A newer version is out that nobody here has declined."""
        ending = self.status in (Status.DELETING, Status.DELETED)
        declined = self.newer == self.desktop.version_declined
        return bool(self.newer) and not declined and not ending

    @property
    def can_move(self) -> bool:
        return self.status in (Status.STOPPED, Status.STOPPING, Status.FAILED)

    @property
    def plan_text(self) -> str:
        return f"{self.setup} · {self.spec.plan_title}"

    @property
    def sentence(self) -> str:
        """The status and the one thing worth knowing about it."""
        more = ""
        if self.status == Status.FAILED and self.cause:
            more = self.cause.headline
        elif self.start and self.start.now:
            more = self.start.now.title
        elif self.place:
            more = _("Place {n}").format(n=self.place)
        if not more:
            return self.word
        return _("{status}: {more}").format(status=self.word, more=more)

    @property
    def own_limit(self) -> bool:
        """It waits for another desktop of the same tenant, not for a card."""
        return self.desktop.reason == "tenant_limit"

    @property
    def waits_for(self) -> Cause:
        return causes.worded(self.desktop.reason)

    @property
    def eta_text(self) -> str:
        """How long it may take, roughly; empty where nobody can know."""
        return roughly(self.eta_s) if self.eta_s is not None else ""

    @property
    def since_text(self) -> str:
        """How long it has been so; the page's own clock goes on from here."""
        return length((timezone.now() - self.since).total_seconds()) if self.since else ""

    @property
    def apps(self) -> list[dict[str, str]]:
        return [
            {"name": app["name"], "title": app.get("title") or app["name"]}
            for app in self.spec.apps
        ]

    @property
    def card_text(self) -> str:
        if not self.spec.gpu_class:
            return _("none")
        return f"{self.spec.gpu_title}, {gigabytes(self.spec.vram_mib)}"

    @property
    def shape_text(self) -> str:
        memory = gigabytes(self.spec.memory_mib)
        return _("{n} cores, {memory}").format(n=self.spec.cpu_millis // 1000, memory=memory)


class Wall:
    """Makes cards, asking for what several of them share only once."""

    def __init__(self) -> None:
        self._setups: dict[str, Setup] | None = None
        self._prices: publishing.Prices | None = None
        self._waiting: dict[str, list[Any]] = {}
        self._etas: dict[str, float | None] = {}
        self._now = timezone.now()

    def cards(self, rows: Iterable[Desktop]) -> list[Card]:
        return [self.card(row) for row in rows]

    def card(self, desktop: Desktop, *, with_events: bool = False) -> Card:
        spec = Spec.from_json(desktop.spec)
        setup = self._setup(spec.setup)
        title = by_language(spec.setup_title_en, spec.setup_title_zh)
        status = desktop.status
        known = {"setup": title, "version": spec.setup_version, "gpu": spec.gpu_title}
        return Card(
            desktop=desktop,
            spec=spec,
            status=str(status),
            word=str(STATUS[status]),
            setup=title,
            creator=setup.creator if setup else "",
            webui=setup.webui if setup else "",
            cover=setup.cover if setup else COVER,
            price=self._price(spec.plan),
            since=_since(desktop, status),
            start=self._start(desktop, spec, status),
            cause=_cause(desktop, status, known),
            place=(place := self._place(desktop, spec) if status == Status.QUEUED else None),
            eta_s=self._eta_s(spec.gpu_class, place) if place else None,
            limits=_limits(desktop),
            isolated=not WALLS & set(desktop.limits),
            newer=_newer(spec, setup),
            events=_events(desktop, known) if with_events else [],
        )

    def _setup(self, slug: str) -> Setup | None:
        if self._setups is None:
            self._setups = {setup.slug: setup for setup in Setup.objects.all()}
        return self._setups.get(slug)

    def _price(self, plan: str) -> prices.Shown | None:
        if self._prices is None:
            self._prices = publishing.current()
        return prices.of(plan, self._prices) if self._prices else None

    def _place(self, desktop: Desktop, spec: Spec) -> int | None:
        if spec.gpu_class not in self._waiting:
            self._waiting[spec.gpu_class] = queue.waiting_ids(spec.gpu_class)
        ids = self._waiting[spec.gpu_class]
        return ids.index(desktop.id) + 1 if desktop.id in ids else None

    def _eta_s(self, gpu_class: str, place: int) -> float | None:
        """One question a class and list, however many wait."""
        if gpu_class not in self._etas:
            self._etas[gpu_class] = queue.eta_s(gpu_class, 1)
        one = self._etas[gpu_class]
        return None if one is None else one * place

    def _start(self, desktop: Desktop, spec: Spec, status: Status) -> Start | None:
        if status not in (Status.STARTING, Status.FAILED):
            return None
        broken = status == Status.FAILED
        past = usual.start(plan=spec.plan, setup=spec.setup)
        steps = phases.of_start(
            desktop.progress,
            since=desktop.wanted_at,
            # A start that failed took no longer than until then.
            now=(desktop.observed_since or self._now) if broken else self._now,
            usual=past.phases if past else {},
            card=bool(spec.gpu_class),
            broken=broken,
        )
        elapsed_s = (self._now - desktop.wanted_at).total_seconds()
        total_s = past.total_s if past else None
        return Start(
            phases=steps,
            since=desktop.wanted_at,
            elapsed_s=elapsed_s,
            total_s=total_s,
            starts=past.starts if past else 0,
            percent=round(100 * phases.share(steps, elapsed_s=elapsed_s, total_s=total_s), 1),
        )


def _since(desktop: Desktop, status: Status) -> datetime | None:
    if status in (Status.RUNNING, Status.STOPPED, Status.FAILED):
        return desktop.observed_since or desktop.wanted_at
    return desktop.wanted_at


def _newer(spec: Spec, setup: Setup | None) -> str:
    if setup is None or not setup.offered or setup.version == spec.setup_version:
        return ""
    carried = setup.min_vram_mib <= spec.vram_mib
    return setup.version if carried and presence.of(setup).here else ""


def _cause(desktop: Desktop, status: Status, known: dict[str, str]) -> Cause | None:
    if status == Status.FAILED:
        return causes.worded(desktop.reason or "driver_error", desktop.reason_detail, **known)
    if status in (Status.STARTING, Status.STOPPING, Status.DELETING) and desktop.reason:
        return causes.worded(desktop.reason, desktop.reason_detail, **known)
    return None


def _events(desktop: Desktop, known: dict[str, str]) -> list[history.Event]:
    """The latest of what happened; all of it is in the API's timeline."""
    # Several entries may be told as one event, so more are read than shown; but never all.
    past = timeline.entries(desktop.id, newest=4 * EVENTS_SHOWN)
    return history.told(past, **known)[:EVENTS_SHOWN]


def _limits(desktop: Desktop) -> str:
    return listed([str(LIMITS.get(name, name)) for name in desktop.limits])
