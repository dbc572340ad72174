"""Long lists, page by page: a page's last row tells where the next begins."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from provisioner.desktops import Desktop

PAGE = 20
PAGE_MAX = 50


def page(request: Request, rows: QuerySet[Desktop]) -> tuple[list[Desktop], str | None]:
    """The page that `?limit=` and `?cursor=` ask for, newest first, and the next one's cursor.

    What is launched or deleted meanwhile neither repeats nor hides a row of a later page.
    """
    limit = number(request, "limit", default=PAGE, least=1, most=PAGE_MAX)
    cursor = request.query_params.get("cursor", "")
    if cursor:
        at, id = _opened(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    shown = found[:limit]
    return shown, _closed(shown[-1]) if len(found) > limit else None


def number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number from the query. ValidationError names it when it is none."""
    said = request.query_params.get(name)
    if said is None:
        return default
    if said.isascii() and said.isdigit() and len(said) <= 12 and least <= int(said) <= most:
        return int(said)
    message = _("A whole number from {least} to {most}.").format(least=least, most=most)
    raise ValidationError({name: [message]})


def _closed(row: Desktop) -> str:
    text = f"{row.created_at.isoformat()} {row.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str) -> tuple[datetime, UUID]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        at_text, id_text = base64.urlsafe_b64decode(padded).decode("ascii").split(" ")
        at, id = datetime.fromisoformat(at_text), UUID(id_text)
        if at.tzinfo is None:
            raise ValueError("no time zone")
    except (ValueError, binascii.Error) as error:
        message = _("Take the cursor from “next” of an earlier answer.")
        raise ValidationError({"cursor": [message]}) from error
    return at, id
