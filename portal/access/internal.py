"""What the gateway asks, and nobody else can. JSON in, JSON out.

redeem, authorize and check are about being let in; take opens a window on the stream; state, stop
and extend are what the bar over a desktop shows and does. Those act as the session's person, with
the same permissions as the portal's own pages, and on the one desktop that the session is for: the
browser sends them from an origin that the desktop's own programs can speak from, so nothing may be
asked here that somebody inside a desktop could not be trusted with (see
`portal.access.gateway.bar`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from portal.access import sessions, signing, state, tickets, windows
from portal.access.hosts import Desk
from portal.accounts.permissions import Forbidden
from portal.desktops import actions
from provisioner import files

BODY_MAX = 256 * 1024
SESSIONS_MAX = 1000
_HASH = re.compile(r"[0-9a-f]{64}")
_WINDOW = re.compile(r"[0-9a-f]{32}")

Asked = dict[str, Any]
Answer = tuple[int, dict[str, Any]]


def for_the_gateway(view: Callable[[Asked], Answer]) -> Callable[[HttpRequest], HttpResponse]:
    """Lets in who holds the key; everybody else learns nothing."""

    @csrf_exempt  # it is not a browser that asks, and it brings no cookie
    def wrapped(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if request.method != "POST" or not length.isdigit() or int(length) > BODY_MAX:
            return JsonResponse({"error": "bad_request"}, status=400)
        signed = signing.verified(
            settings.ATELIER.gateway_key,
            request.headers,
            method="POST",
            path=request.path,
            body=request.body,
        )
        if not signed:
            return JsonResponse({"error": "not_the_gateway"}, status=403)
        try:
            status, answer = view(json.loads(request.body))
        except (ValueError, TypeError, KeyError, AttributeError):
            status, answer = 400, {"error": "bad_request"}
        response = JsonResponse(answer, status=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    return wrapped


def _hash(text: object) -> str:
    if isinstance(text, str) and _HASH.fullmatch(text):
        return text
    raise ValueError("not a SHA-256")


def _desk(asked: Asked) -> Desk:
    return Desk(UUID(asked["desktop"]), str(asked["app"]))


@for_the_gateway
def redeem(asked: Asked) -> Answer:
    """{ticket, desktop, app} → {session}: the secret for the browser's cookie."""
    secret = tickets.redeem(_hash(asked["ticket"]), _desk(asked))
    return (200, {"session": secret}) if secret else (410, {"error": "ticket_refused"})


@for_the_gateway
def authorize(asked: Asked) -> Answer:
    """{session, desktop, app} → {upstream, secret}: where this request goes, if anywhere."""
    hash, desk = _hash(asked["session"]), _desk(asked)
    entry = sessions.entries([hash]).get(hash)
    if entry is None:
        return 401, {"error": "no_session"}
    if (entry.session.desktop_id, entry.session.app) != (desk.id, desk.app):
        return 404, {"error": "another_desktop"}
    if desk.app == files.APP and not entry.route.endpoint:
        files.ask(desk.id)  # it ends by itself after a while; whoever comes back has it again
    return 200, {
        "upstream": entry.upstream,
        "secret": entry.route.secret,
        "generation": entry.route.generation,
        "title": state.app_title(desk),
        "superseded": bool(windows.superseded([entry.session])),
        "panel": desk.app not in ("", files.APP),  # our page of files says itself what it has to
    }


@for_the_gateway
def check(asked: Asked) -> Answer:
    """{sessions: […]} → {valid, superseded}: which of those with something open may keep it
    open, and which of them may not keep their stream."""
    hashes = [_hash(one) for one in asked["sessions"]]
    if len(hashes) > SESSIONS_MAX:
        raise ValueError("too many at once")
    entries = sessions.entries(hashes)
    lost = windows.superseded([entry.session for entry in entries.values()])
    return 200, {"valid": sorted(entries), "superseded": sorted(lost)}


# --- The bar ------------------------------------------------------------------------------------


def _whose(asked: Asked) -> sessions.Whose | Answer:
    hash, desk = _hash(asked["session"]), _desk(asked)
    whose = sessions.person(hash)
    if whose is None:
        return 401, {"error": "no_session"}
    if (whose.session.desktop_id, whose.session.app) != (desk.id, desk.app):
        return 404, {"error": "another_desktop"}
    return whose


def _of_the_stream(asked: Asked) -> sessions.Whose | Answer:
    """Whose session this is; an app's page has no bar, and may say none of its verbs."""
    if asked["app"]:
        return 404, {"error": "not_for_apps"}
    return _whose(asked)


@for_the_gateway
def told(asked: Asked) -> Answer:
    """{session, desktop, app} → what the bar shows; also while the desktop rests.

    Of an app: no more than the panel over its page needs.
    """
    whose = _whose(asked)
    if not isinstance(whose, sessions.Whose):
        return whose
    seen = state.of_app(whose) if whose.session.app else state.of(whose)
    return (200, seen) if seen else (404, {"error": "no_such_desktop"})


@for_the_gateway
def take(asked: Asked) -> Answer:
    """{session, desktop, app, window} → the state; the stream is that window's from now on."""
    whose = _of_the_stream(asked)
    if not isinstance(whose, sessions.Whose):
        return whose
    window = str(asked["window"])
    if not _WINDOW.fullmatch(window):
        raise ValueError("not a window's name")
    if sessions.is_of_its_launch(whose.session):
        windows.take(whose.session, window)
    seen = state.of(whose)
    return (200, seen) if seen else (404, {"error": "no_such_desktop"})


@for_the_gateway
def stop(asked: Asked) -> Answer:
    """{session, desktop, app} → the state after it; 409 where it cannot be done now."""
    whose = _of_the_stream(asked)
    if not isinstance(whose, sessions.Whose):
        return whose
    if not sessions.leads(whose.session):
        # Of an earlier launch: a forgotten tab must not stop the one that runs now.
        return 409, {"error": "not_open"}
    try:
        actions.stop(whose.actor, whose.session.desktop_id)
    except Forbidden:
        return 403, {"error": "forbidden"}
    except actions.NotFound:
        return 404, {"error": "no_such_desktop"}
    except actions.Refused as refusal:
        return 409, {"error": refusal.code}
    return 200, state.of(whose) or {}


@for_the_gateway
def extend(asked: Asked) -> Answer:
    """{session, desktop, app} → the state after it. Nothing stops by itself yet: always 409."""
    whose = _of_the_stream(asked)
    if not isinstance(whose, sessions.Whose):
        return whose
    return 409, {"error": "nothing_to_extend"}
