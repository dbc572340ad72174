"""Lengths of time and amounts of memory, in words. Pure."""

from __future__ import annotations

from django.utils.translation import gettext as _


def gigabytes(mib: float) -> str:
    """`14 GB`, `1.5 GB`; below one, `512 MB`."""
    if mib < 1024:
        return f"{mib:.0f} MB"
    return f"{mib / 1024:.1f}".removesuffix(".0") + " GB"


def clock(seconds: float) -> str:
    """What counts: `0:46`, `2:17:51`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def length(seconds: float) -> str:
    """A length in words: `46 s`, `12 min`, `2 h 17 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{s} s").format(s=whole)
    minutes = whole // 60
    if minutes < 60:
        return _("{min} min").format(min=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("{h} h {min} min").format(h=hours, min=minutes)
    days, hours = divmod(hours, 24)
    return _("{d} d {h} h").format(d=days, h=hours)


def roughly(seconds: float) -> str:
    """An estimate, told no more exactly than it is known: `1 min`, `20 min`, `3 h 0 min`."""
    for step, up_to in ((60, 10 * 60), (300, 3600), (1800, 6 * 3600), (3600, 2 * 86400)):
        if seconds <= up_to:
            return length(max(step, round(seconds / step) * step))
    return length(round(seconds / 86400) * 86400)
