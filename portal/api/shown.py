"""What the API says about plans, setups and desktops: plain JSON values, as `shapes` declares."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from billing import money
from billing.errors import UnknownPlan
from billing.pricing import publishing
from portal.catalog import offers, presence
from portal.catalog.models import Plan, Setup
from portal.desktops import causes, selling
from portal.desktops.cards import Card, Wall
from portal.desktops.history import Entry
from portal.desktops.phases import Phase
from portal.desktops.words import by_language
from provisioner import queue
from provisioner.desktops import Desktop, Spec
from provisioner.queue import Stock
from provisioner.states import Desired, Status

JSON = dict[str, Any]


def plans() -> list[JSON]:
    book, stock, setups = publishing.current(), selling.stock(), offers.setups()
    return [_plan(plan, setups, book, stock) for plan in offers.plans()]


def setups() -> list[JSON]:
    plans = offers.plans()
    return [_setup(setup, plans) for setup in offers.setups()]


def desktops(rows: list[Desktop]) -> list[JSON]:
    return [_desktop(card) for card in Wall().cards(rows)]


def desktop(row: Desktop) -> JSON:
    return _desktop(Wall().card(row))


def event(entry: Entry, spec: Spec) -> JSON:
    """One entry of the timeline."""
    known = {"setup": by_language(spec.setup_title_en, spec.setup_title_zh), "gpu": spec.gpu_title}
    return {
        "seq": entry.seq,
        "at": time(entry.at),
        "source": entry.source,
        "status": entry.status,
        "desired": entry.desired,
        "observed": entry.observed,
        "generation": entry.generation,
        "reason": _reason(causes.worded(entry.reason, entry.detail, **known))
        if entry.reason
        else None,
    }


def time(at: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def address(name: str, *args: object) -> str:
    """Absolute, as this site is known to the world, whatever name the request came by."""
    return str(settings.ATELIER.portal_origin) + reverse(name, args=args)


def _plan(
    plan: Plan, setups: list[Setup], book: publishing.Prices | None, stock: dict[str, Stock]
) -> JSON:
    card = plan.gpu_class
    places = stock.get(card.slug if card else "")
    return {
        "slug": plan.slug,
        "title": plan.title,
        "summary": by_language(plan.summary_en, plan.summary_zh),
        "vcpus": plan.vcpus,
        "memory_mib": plan.memory_mib,
        "disk_gib": plan.disk_gib,
        "gpu": {
            "class": card.slug,
            "title": card.title,
            "count": plan.gpu_count,
            "vram_mib": card.vram_mib,
        }
        if card
        else None,
        "price": _price(plan.slug, book),
        "setups": [setup.slug for setup in setups if offers.fits(plan, setup).ok],
        "places": {"total": places.total, "free": places.free, "waiting": places.waiting}
        if places
        else None,
    }


def _price(plan: str, book: publishing.Prices | None) -> JSON | None:
    if book is None:
        return None
    try:
        price = book.of(plan)
    except UnknownPlan:
        return None
    return {
        "currency": book.currency,
        "running_micros_per_hour": price.running_micros_per_hour,
        "disk_micros_per_hour": price.disk_micros_per_hour,
        "running_per_hour": money.format(price.running_micros_per_hour, book.currency),
        "disk_per_day": money.format(24 * price.disk_micros_per_hour, book.currency),
        "charged": False,  # preview: nothing is charged yet
    }


def _setup(setup: Setup, plans: list[Plan]) -> JSON:
    return {
        "slug": setup.slug,
        "title": by_language(setup.title_en, setup.title_zh),
        "summary": by_language(setup.summary_en, setup.summary_zh),
        "webui": setup.webui,
        "creator": setup.creator,
        "creator_url": setup.creator_url,
        "version": setup.version,
        "licence": setup.licence,
        "min_vram_mib": setup.min_vram_mib,
        "size_mib": setup.size_mib,
        "apps": [{"name": app["name"], "title": app["title"]} for app in setup.apps],
        "plans": [plan.slug for plan in plans if offers.fits(plan, setup).ok],
        "extends": setup.extends,
        "digest": setup.digest,
        "available": presence.of(setup).here,
        "models": [
            _only(one, "title", "kind", "file", "size_bytes", "sha256", "licence")
            for one in setup.model_files
        ],
        "extensions": [_only(one, "name", "commit", "licence") for one in setup.extensions],
        "versions": [
            {"version": row.version, "digest": row.digest, "published_at": time(row.published_at)}
            for row in setup.versions.all()
        ],
    }


def _only(row: JSON, *names: str) -> JSON:
    return {name: row[name] for name in names}


def _desktop(card: Card) -> JSON:
    row, status = card.desktop, card.status
    running = row.desired == Desired.RUNNING
    return {
        "id": str(row.id),
        "name": row.name,
        "status": card.status,
        "status_text": card.word,
        "reason": _told(card),
        "plan": card.spec.plan,
        "setup": card.spec.setup,
        "newer_version": card.newer or None,
        "spec": _spec(card.spec),
        "generation": row.generation,
        "created_at": time(row.created_at),
        "started_at": time(row.wanted_at) if running else None,
        "ready_at": time(row.observed_since) if status == Status.RUNNING else None,
        "status_since": time(card.since),
        "start": _start(card),
        "phases": [_phase(phase) for phase in card.start.phases] if card.start else [],
        "queue": _queue(row) if status == Status.QUEUED else None,
        "limits": list(row.limits),
        "links": _links(row),
    }


def _told(card: Card) -> JSON | None:
    """Why it waits, is slow or failed."""
    if card.status == Status.QUEUED:
        row = card.desktop
        return _reason(causes.worded(row.reason, row.reason_detail, gpu=card.spec.gpu_title))
    return _reason(card.cause) if card.cause else None


def _reason(cause: causes.Cause) -> JSON:
    return {
        "code": cause.key,
        "message": f"{cause.headline} {cause.why}",
        "advice": cause.step,
        "retry": cause.retry,
    }


def _spec(spec: Spec) -> JSON:
    """What was sold, as sold; whatever the catalogue says today."""
    return {
        "plan_title": spec.plan_title,
        "setup_title": by_language(spec.setup_title_en, spec.setup_title_zh),
        "setup_version": spec.setup_version,
        "vcpus": spec.cpu_millis / 1000,
        "memory_mib": spec.memory_mib,
        "disk_gib": spec.disk_gib,
        "gpu": {
            "class": spec.gpu_class,
            "title": spec.gpu_title,
            "count": spec.gpu_count,
            "vram_mib": spec.vram_mib,
        }
        if spec.gpu_class
        else None,
        "apps": [{"name": app["name"], "title": app["title"]} for app in spec.apps],
    }


def _start(card: Card) -> JSON | None:
    """A start that goes on, or that failed."""
    if card.start is None:
        return None
    return {
        "elapsed_s": round(card.start.elapsed_s, 3),
        "usual_s": card.start.total_s,
    }


def _phase(phase: Phase) -> JSON:
    return {
        "key": phase.key,
        "title": phase.title,
        "state": phase.state,
        "started_at": time(phase.started_at),
        "took_s": None if phase.took_s is None else round(phase.took_s, 3),
        "usual_s": phase.usual_s,
        "percent": phase.percent,
    }


def _queue(row: Desktop) -> JSON | None:
    place = queue.place(row)
    if place is None:
        return None
    return {"place": place.place, "waiting": place.waiting, "eta_s": place.eta_s}


def _links(row: Desktop) -> JSON:
    links = {"self": address("api:desktop", row.id), "page": address("desktops:detail", row.id)}
    for name in ("start", "stop", "move", "stay", "open", "timeline"):
        links[name] = address(f"api:{name}", row.id)
    return links
