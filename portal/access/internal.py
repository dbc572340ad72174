"""What the gateway asks, and nobody else can: redeem, authorize, check. JSON in, JSON out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from portal.access import sessions, signing, tickets
from portal.access.hosts import Desk

BODY_MAX = 256 * 1024
SESSIONS_MAX = 1000
_HASH = re.compile(r"[0-9a-f]{64}")

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
    return 200, {
        "upstream": entry.upstream,
        "secret": entry.route.secret,
        "generation": entry.route.generation,
    }


@for_the_gateway
def check(asked: Asked) -> Answer:
    """{sessions: […]} → {valid: […]}: which of those with something open may keep it open."""
    hashes = [_hash(one) for one in asked["sessions"]]
    if len(hashes) > SESSIONS_MAX:
        raise ValueError("too many at once")
    return 200, {"valid": sorted(sessions.entries(hashes))}
