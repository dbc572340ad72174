"""`Idempotency-Key`: the same key and request again get the first answer, not a second effect.

The kept answer is written in the transaction of the effect, so a key exists exactly when its
answer does: a request that arrives while the first is at work waits for it at the unique key, and
where the first fell over it finds nothing and does the work itself. What was refused had no effect
and keeps nothing: it may be corrected and sent again under the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.permissions import Actor
from portal.api.models import Replay
from portal.api.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
# How many expired keys one request clears away.
CLEARED = 100


def once(
    request: Request, actor: Actor, body: dict[str, Any], act: Callable[[], Response]
) -> Response:
    """`act()`, or what it answered under this key before. The answer must be plain JSON."""
    key = request.headers.get(HEADER)
    if key is None:
        return act()
    if not KEY.fullmatch(key):
        message = _("A key has 1 to 255 printable ASCII characters and no spaces.")
        raise Problem("idempotency_key_malformed", message)
    digest = _digest(actor, request, body)
    with transaction.atomic():
        _clear(actor, key)
        kept, first = Replay.objects.get_or_create(
            tenant=actor.tenant, key=key, defaults={"digest": digest}
        )
        if first:
            answer = act()
            kept.status, kept.body = answer.status_code, answer.data
            kept.location = answer.headers.get("Location", "")
            kept.save(update_fields=["status", "body", "location"])
            return answer
    if kept.digest != digest:
        raise Problem("idempotency_key_reused", _("This key belongs to another request."))
    return _again(kept)


def _again(kept: Replay) -> Response:
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(kept.body, status=kept.status, headers=headers)


def _digest(actor: Actor, request: Request, body: dict[str, Any]) -> str:
    """Of the person too: the key of a colleague answers nobody else."""
    text = json.dumps([str(actor.user.pk), request.method, request.path, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _clear(actor: Actor, key: str) -> None:
    """Yesterday's keys are free again. Rows that another request clears just now are let be."""
    old = Replay.objects.filter(tenant=actor.tenant, created_at__lt=timezone.now() - KEPT)
    old.filter(key=key).delete()
    free = old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:CLEARED]
    if ids := list(free):
        Replay.objects.filter(pk__in=ids).delete()
