"""Writes down who did what. Rows are only ever added."""

from __future__ import annotations

from typing import Any

from portal.accounts.models import AuditEvent
from portal.accounts.permissions import Actor


def record(actor: Actor | None, action: str, object_id: object = "", **detail: Any) -> None:
    """One event, in the caller's transaction: no act without its record."""
    AuditEvent.objects.create(
        user=actor.user if actor else None,
        tenant=actor.tenant if actor else None,
        action=action,
        object_id=str(object_id),
        via=actor.via if actor else "command",
        detail=detail,
    )
