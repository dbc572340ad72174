"""Tags and filters that every template has: icons, states, money and time in words."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal.catalog import pictures
from portal.desktops import lengths
from portal.desktops.words import STATUS, sentence_space
from provisioner.states import Status

register = template.Library()

ICONS = Path(__file__).resolve().parent.parent / "static" / "icons"


@cache
def _drawing(name: str) -> str:
    path = ICONS / f"{name}.svg"
    if not path.is_file():
        raise template.TemplateSyntaxError(f"no icon {name!r} in portal/static/icons")
    return path.read_text().strip().removeprefix("<svg")


@register.simple_tag
def icon(name: str, css: str = "size-[18px]", label: str = "") -> SafeString:
    """A Lucide icon, drawn inline. Beside a word it is silent; alone it needs a `label`."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    head = format_html('<svg class="{} shrink-0" {}', css, mark_safe(spoken))  # noqa: S308
    return mark_safe(head + _drawing(name))  # noqa: S308 - a file of ours


@register.simple_tag
def badge(status: str, word: str = "") -> SafeString:
    """Shape and word of a status; `slow` is a warning beside it."""
    if not word:
        word = _("Slow") if status == "slow" else str(STATUS[Status(status)])
    html = render_to_string("components/badge.html", {"status": str(status), "word": word})
    return mark_safe(html.strip())  # noqa: S308 - rendered by a template


@register.filter
def duration(seconds: float | None) -> str:
    """A length in words: `46 s`, `2 h 17 min`; `2 小时 17 分`."""
    return "–" if seconds is None else lengths.length(seconds)


@register.filter
def clock(seconds: float | None) -> str:
    """What counts: `0:46`, `2:17:51`."""
    return "–" if seconds is None else lengths.clock(seconds)


@register.filter
def gigabytes(mib: float) -> str:
    return lengths.gigabytes(mib)


def moment_text(at: datetime) -> str:
    """`Mon 23 Nov, 09:33`; `11 月 23 日 09:33`."""
    at = localtime(at)
    if in_chinese():
        return f"{at.month} 月 {at.day} 日 {at:%H:%M}"
    return f"{at:%a} {at.day} {at:%b}, {at:%H:%M}"


@register.filter
def moment(at: datetime | None) -> str | SafeString:
    """A moment; `atelier.js` puts it into the reader's own zone and names the zone."""
    if at is None:
        return "–"
    return format_html(
        '<time datetime="{}" data-local title="{} UTC">{} UTC</time>',
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M:%S}",
        moment_text(at),
    )


def in_chinese() -> bool:
    return (get_language() or "").startswith("zh")


@register.filter
def in_language(row: Any, field: str) -> str:
    """`{{ setup|in_language:"title" }}`: `title_zh` or `title_en`, as the reader reads."""
    return str(getattr(row, f"{field}_{'zh' if in_chinese() else 'en'}"))


@register.filter
def picture(name: str) -> str:
    """Where a cover or an avatar of the catalogue is, by what its column says."""
    return pictures.address(name)


@register.filter
def initials(text: str) -> str:
    """Two letters for an avatar; one sign where the name is Chinese."""
    words = text.replace("@", " ").replace(".", " ").split()
    if not words:
        return "?"
    if ord(words[0][0]) > 0x2E80:
        return words[0][0]
    return "".join(word[0] for word in words[:2]).upper()


@register.simple_tag
def sp() -> str:
    """What stands between two sentences: Chinese puts nothing there."""
    return sentence_space()
