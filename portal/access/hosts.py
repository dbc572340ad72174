"""Names of the hosts on which desktops are reached, there and back. Pure; the gateway shares it.

A desktop is `d-<26 letters>`, an app of it `d-<26 letters>--<app>`: one label, and a host of its
own, so that cookies and storage of one never meet those of another.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from uuid import UUID

APP = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
APP_LENGTH_MAX = 32  # a label has at most 63 characters
_LABEL = re.compile(r"([a-z2-7]{26})(?:--([a-z0-9]+(?:-[a-z0-9]+)*))?")


@dataclass(frozen=True, slots=True)
class Desk:
    """A desktop's stream, or one of its apps."""

    id: UUID
    app: str = ""


def encode(id: UUID) -> str:
    return base64.b32encode(id.bytes).decode().rstrip("=").lower()


def decode(text: str) -> UUID | None:
    """None unless it is exactly what `encode` makes: one desktop has one name."""
    try:
        id = UUID(bytes=base64.b32decode(text.upper() + "======"))
    except ValueError:
        return None
    return id if encode(id) == text else None


def is_app(name: str) -> bool:
    return len(name) <= APP_LENGTH_MAX and APP.fullmatch(name) is not None


def origin(template: str, desk: Desk) -> str:
    """`template` is an origin with {id} in its first label."""
    if desk.app and not is_app(desk.app):
        raise ValueError(f"no host can be named after the app {desk.app!r}")
    label = encode(desk.id) + (f"--{desk.app}" if desk.app else "")
    return template.replace("{id}", label)


def parse(template: str, host: str) -> Desk | None:
    """Which desk a Host header names; None for every other host, however similar."""
    before, _mark, after = template.partition("://")[2].partition("{id}")
    if not (host.startswith(before) and host.endswith(after)):
        return None
    found = _LABEL.fullmatch(host[len(before) : len(host) - len(after)])
    if found is None:
        return None
    id, app = decode(found[1]), found[2] or ""
    return Desk(id, app) if id is not None and len(app) <= APP_LENGTH_MAX else None
