"""What is remembered about who did what. Writing only; nothing here is ever changed."""

from __future__ import annotations

from typing import Any

from portal.accounts.models import AuditEvent, User
from portal.accounts.permissions import Actor


def record(actor: Actor | None, action: str, object_id: object = "", **detail: Any) -> None:
    """Call it inside the transaction of the deed: both stand, or neither."""
    AuditEvent.objects.create(
        user=actor.user if actor else None,
        tenant=actor.tenant if actor else None,
        action=action,
        object_id=str(object_id),
        via=actor.via if actor else "command",
        detail=detail,
    )


def record_person(user: User | None, action: str, **detail: Any) -> None:
    """Of a person alone, in no tenant: log-ins, passwords, second factors. `action` is auth.*"""
    AuditEvent.objects.create(user=user, action=action, detail=detail)
