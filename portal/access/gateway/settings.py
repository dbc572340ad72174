"""What the gateway needs to know, from the environment. The same names as the portal's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from portal import listening


class BadSettings(Exception):
    """A variable is missing or wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    port: int
    portal_origin: str  # exact public origin of the portal
    portal_url: str  # where this process reaches it
    desk_origin: str  # with {id}
    key: str  # shared with the portal; signs every question

    @classmethod
    def read(cls, environ: dict[str, str] | None = None) -> Settings:
        env = dict(os.environ) if environ is None else environ
        root = Path(__file__).resolve().parents[3]
        data = Path(env.get("ATELIER_DATA") or root / ".data")
        portal_port, port = (
            _port(env, "ATELIER_PORT", 8000),
            _port(env, "ATELIER_GATEWAY_PORT", 8001),
        )
        _addresses(env)
        desk = env.get("ATELIER_DESK_ORIGIN") or f"http://d-{{id}}.localhost:{port}"
        if "{id}" not in desk:
            raise BadSettings("ATELIER_DESK_ORIGIN must contain {id}")
        return cls(
            port=port,
            portal_origin=env.get("ATELIER_PORTAL_ORIGIN") or f"http://localhost:{portal_port}",
            portal_url=env.get("ATELIER_PORTAL_INTERNAL_URL") or f"http://127.0.0.1:{portal_port}",
            desk_origin=desk,
            key=env.get("ATELIER_GATEWAY_KEY") or _kept(data / "keys" / "gateway-key"),
        )


def _port(env: dict[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise BadSettings(f"{name} must be a port, not {text!r}")
    return int(text)


def _addresses(env: dict[str, str]) -> None:
    """Only looked at here; portal.listening binds them."""
    try:
        listening.addresses(env.get("ATELIER_LISTEN") or listening.LOOPBACK)
    except ValueError as error:
        raise BadSettings(f"ATELIER_LISTEN: {error}") from None


def _kept(path: Path) -> str:
    try:
        key = path.read_text().strip()
    except OSError as error:
        raise BadSettings(f"ATELIER_GATEWAY_KEY is unset and {path}: {error.strerror}") from None
    if not key:
        raise BadSettings(f"{path} is empty")
    return key
