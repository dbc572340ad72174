"""The live parts of the pages, rendered to HTML: the same for the first page and for the stream.

Each part has a mark, a hash of what it says apart from running clocks, so that a page swaps only
what really changed. Renderings are shared between people: they hold a placeholder where each page
puts its own CSRF token.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from portal.desktops.cards import Card, Viewer, Wall
from portal.desktops.overview import Overview, overview
from portal.desktops.words import sentence_space
from provisioner import desktops

PLACEHOLDER = f"csrf-{secrets.token_hex(16)}"
# What a page's own clock writes: the text of ticking elements and the painted share.
_TICKING = re.compile(
    r'(<time [^>]*data-tick[^>]*>)[^<]*|(data-painted="[a-z]+" (?:x|width))="[^"]*"'
)

DETAIL = ("name", "state", "verbs", "version", "main", "cost", "facts", "events")


@dataclass(frozen=True)
class Part:
    html: str
    mark: str

    def own(self, csrf_token: str) -> SafeString:
        """As one person's page shows it."""
        return mark_safe(self.html.replace(PLACEHOLDER, csrf_token))  # noqa: S308 - templates escape


@dataclass(frozen=True)
class Page:
    """Everything live on one desktop's page."""

    status: str
    title: str
    say: str  # for those who listen instead of look
    parts: dict[str, Part]


def detail(tenant_id: UUID, desktop_id: UUID, viewer: Viewer) -> Page | None:
    """None once there is no such desktop in the tenant."""
    desktop = desktops.visible_to(tenant_id).filter(id=desktop_id).first()
    if desktop is None:
        return None
    with translation.override(viewer.language):
        card = Wall().card(desktop, with_events=True)
        parts = {name: _part(f"desktops/_{name}.html", viewer, card=card) for name in DETAIL}
        title = f"{desktop.name} · {card.word}"
        return Page(status=card.status, title=title, say=card.sentence, parts=parts)


def row(tenant_id: UUID, desktop_id: UUID, viewer: Viewer) -> Part | None:
    """One row of the list; None where the tenant has no such desktop (any more)."""
    desktop = desktops.visible_to(tenant_id).filter(id=desktop_id).first()
    if desktop is None:
        return None
    with translation.override(viewer.language):
        return row_of(Wall().card(desktop), viewer)


def row_of(card: Card, viewer: Viewer) -> Part:
    return _part("desktops/_row.html", viewer, card=card)


def summary(tenant_id: UUID, viewer: Viewer) -> Part:
    """The sentence above the list."""
    with translation.override(viewer.language):
        return summary_of(overview(desktops.visible_to(tenant_id)), viewer)


def summary_of(seen: Overview, viewer: Viewer) -> Part:
    return _part("desktops/_summary.html", viewer, overview=seen)


def _part(template: str, viewer: Viewer, **values: object) -> Part:
    html = render_to_string(
        template,
        {
            "viewer": viewer,
            "may": viewer.allowed,
            "sp": sentence_space(),
            "csrf_token": PLACEHOLDER,
            **values,
        },
    ).strip()
    still = _TICKING.sub(r"\1\2", html)
    return Part(html, hashlib.sha256(still.encode()).hexdigest()[:12])
