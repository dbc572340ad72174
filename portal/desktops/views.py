"""Pages about desktops. Views parse and show; `actions` decides."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from portal.accounts.permissions import Actor, may, require
from portal.desktops import actions, events, fragments, names
from portal.desktops.cards import Viewer, Wall
from portal.desktops.forms import LaunchForm, once
from portal.desktops.offering import offering
from portal.desktops.overview import overview
from portal.desktops.refusals import Refused
from portal.desktops.words import sentence_space
from provisioner import desktops


@login_required
@never_cache
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    actor = seeing(request)
    viewer = Viewer.of(actor, get_language() or "en")
    rows = list(desktops.visible_to(actor.tenant.id))
    token = get_token(request)
    parts = [(card.desktop.id, fragments.row_of(card, viewer)) for card in Wall().cards(rows)]
    page: dict[str, Any] = {
        "rows": [(id, part.mark, part.own(token)) for id, part in parts],
        "may": viewer.allowed,
        "now_ms": _now_ms(),
    }
    if rows:
        summary = fragments.summary_of(overview(rows), viewer)
        page |= {"summary": summary.own(token), "summary_mark": summary.mark}
    else:
        offer = offering()
        page |= {"offering": offer, "starters": offer.starters(3), "once": once()}
        page["sp"] = sentence_space()
    return render(request, "desktops/list.html", page)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def launch(request: HttpRequest) -> HttpResponse:
    actor = seeing(request)
    require(actor, "desktop.launch")
    if request.method != "POST":
        asked = ("setup", "plan", "version", "name")
        wish = {key: request.GET.get(key, "") for key in asked}
        return _launch_page(request, actor, wish, {})
    form = LaunchForm(request.POST)
    if not form.is_valid():
        wrong = {field: str(errors[0]) for field, errors in form.errors.items()}
        return _launch_page(request, actor, request.POST.dict(), wrong)
    try:
        desktop = actions.launch(actor, **form.wish())
    except Refused as refusal:
        wrong = {refusal.field or "": refusal.message}
        return _launch_page(request, actor, request.POST.dict(), wrong)
    return redirect("desktops:detail", desktop.id)


@login_required
@never_cache
@require_GET
def detail(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    return detail_page(request, desktop_id)


@require_GET
def detail_events(request: HttpRequest, desktop_id: UUID) -> HttpResponseBase:
    """404 for strangers and for nobody alike: a stream cannot show a log-in page."""
    desktop = found(request, desktop_id)
    once = "once" in request.GET
    return events.response(events.of_desktop(_listener(request), desktop.id, once=once))


@require_GET
def listing_events(request: HttpRequest) -> HttpResponseBase:
    seeing(request)
    return events.response(events.of_tenant(_listener(request), once="once" in request.GET))


def detail_page(
    request: HttpRequest, desktop_id: UUID, *, status: int = 200, **more: object
) -> HttpResponse:
    """The page, also shown again by a verb that was refused."""
    actor = seeing(request)
    viewer = Viewer.of(actor, get_language() or "en")
    page = fragments.detail(actor.tenant.id, desktop_id, viewer)
    if page is None:
        raise Http404
    token = get_token(request)
    context: dict[str, Any] = {
        "desktop": actions.find(actor, desktop_id),
        "page": page,
        "parts": {name: part.own(token) for name, part in page.parts.items()},
        "marks": {name: part.mark for name, part in page.parts.items()},
        "may": viewer.allowed,
        "now_ms": _now_ms(),
        "asking_delete": "delete" in request.GET,
    }
    return render(request, "desktops/detail.html", context | more, status=status)


def seeing(request: HttpRequest) -> Actor:
    """Who asks; 404 for those who may see no desktops here."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None or not may(actor, "desktop.see"):
        raise Http404
    return actor


def found(request: HttpRequest, desktop_id: UUID) -> desktops.Desktop:
    try:
        return actions.find(seeing(request), desktop_id)
    except actions.NotFound as error:
        raise Http404 from error


def _launch_page(
    request: HttpRequest, actor: Actor, wish: dict[str, Any], wrong: dict[str, str]
) -> HttpResponse:
    taken = set(desktops.visible_to(actor.tenant.id).values_list("name", flat=True))
    offer = offering(**{key: wish.get(key, "") for key in ("setup", "plan", "version")})
    context = {
        "offering": offer,
        "name": wish.get("name", ""),
        "suggestion": names.invent(taken),
        "once": wish.get("once") or once(),
        "wrong": wrong,
        "sp": sentence_space(),
    }
    return render(request, "desktops/launch.html", context, status=422 if wrong else 200)


def _listener(request: HttpRequest) -> events.Listener:
    return events.Listener(
        session_key=request.session.session_key or "",
        tenant_id=seeing(request).tenant.id,
        language=get_language() or "en",
        csrf_token=get_token(request),
    )


def _now_ms() -> int:
    return round(time.time() * 1000)
