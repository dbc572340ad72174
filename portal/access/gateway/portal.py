"""Asks the portal, and remembers a yes for a few seconds. When it cannot ask, the answer is no."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from portal.access import signing
from portal.access.gateway.settings import Settings
from portal.access.hosts import Desk

# With a look at open connections every two seconds, a right that ended is gone within five.
REMEMBERED_S = 3.0
# A page that asks without pause costs the portal one question a second.
STATE_REMEMBERED_S = 1.0
ASK_WITHIN_S = 4.0
MOST_REMEMBERED = 10_000
MOST_AT_ONCE = 1000

State = dict[str, Any]


def digest(secret: str) -> str:
    """Tickets and sessions are asked about by their SHA-256 alone."""
    return hashlib.sha256(secret.encode()).hexdigest()


class PortalAway(Exception):
    """No answer, or not one that makes sense."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Where to go, the secret to say there, and what an app is called."""

    upstream: str
    secret: str
    title: str = ""
    superseded: bool = False  # another session's window has the stream
    panel: bool = False  # whether our panel lies over its pages


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the sessions asked about: who may go on, and whose stream another window took."""

    valid: set[str]
    superseded: set[str]


@dataclass(frozen=True, slots=True)
class Denied:
    """`status` is 401 (no right) or 404 (no such thing for this one)."""

    status: int


class Portal:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.host = urlsplit(settings.portal_origin).netloc
        self.grants: dict[tuple[str, Desk], tuple[float, Grant]] = {}
        self.states: dict[tuple[str, Desk], tuple[float, State]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def redeem(self, ticket: str, desk: Desk) -> str | None:
        """A session's secret for a ticket; None when it is of no use. PortalAway."""
        asked = {"ticket": digest(ticket), "desktop": str(desk.id), "app": desk.app}
        status, told = await self._ask("/internal/redeem", asked)
        if status == 410:
            return None
        if status != 200:
            raise PortalAway(f"redeem: {status}")
        return _text(told, "session")

    async def authorize(self, session: str, desk: Desk) -> Grant | Denied:
        """Whether this session may go there now. PortalAway."""
        known = self.grants.get((session, desk))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        status, told = await self._ask("/internal/authorize", self._about(session, desk))
        if status in (401, 404):
            self.grants.pop((session, desk), None)
            return Denied(status)
        if status != 200:
            raise PortalAway(f"authorize: {status}")
        secret, title = str(told.get("secret", "")), str(told.get("title", ""))
        superseded, panel = told.get("superseded") is True, told.get("panel") is True
        grant = Grant(_text(told, "upstream"), secret, title, superseded, panel)
        if len(self.grants) >= MOST_REMEMBERED:
            self.grants.clear()
        self.grants[session, desk] = (time.monotonic() + REMEMBERED_S, grant)
        return grant

    async def state(self, session: str, desk: Desk) -> State | Denied:
        """What the bar shows. PortalAway."""
        known = self.states.get((session, desk))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        status, told = await self._ask("/internal/state", self._about(session, desk))
        if status in (401, 404):
            return Denied(status)
        if status != 200:
            raise PortalAway(f"state: {status}")
        self._keep(session, desk, told)
        return told

    async def take(self, session: str, desk: Desk, window: str) -> State | Denied:
        """The stream is this window's from now on; what its bar shows. PortalAway."""
        asked = self._about(session, desk) | {"window": window}
        status, told = await self._ask("/internal/take", asked)
        if status in (401, 404):
            return Denied(status)
        if status != 200:
            raise PortalAway(f"take: {status}")
        # Whatever is remembered of anybody there was so before.
        for known in (self.grants, self.states):
            for key in [key for key in known if key[1] == desk]:
                del known[key]
        return told

    async def act(self, verb: str, session: str, desk: Desk) -> tuple[int, State]:
        """`stop` or `extend`, by the session's person; status and what is told. PortalAway."""
        self.states.pop((session, desk), None)
        status, told = await self._ask(f"/internal/{verb}", self._about(session, desk))
        if status not in (200, 401, 403, 404, 409):
            raise PortalAway(f"{verb}: {status}")
        if status == 200:
            self._keep(session, desk, told)
        return status, told

    def _about(self, session: str, desk: Desk) -> dict[str, Any]:
        return {"session": digest(session), "desktop": str(desk.id), "app": desk.app}

    def _keep(self, session: str, desk: Desk, told: State) -> None:
        if len(self.states) >= MOST_REMEMBERED:
            self.states.clear()
        self.states[session, desk] = (time.monotonic() + STATE_REMEMBERED_S, told)

    async def standing(self, sessions: Iterable[str]) -> Standing:
        """How it stands with these. PortalAway."""
        by_hash = {digest(session): session for session in sessions}
        hashes, standing = list(by_hash), Standing(set(), set())
        for start in range(0, len(hashes), MOST_AT_ONCE):
            part = hashes[start : start + MOST_AT_ONCE]
            status, told = await self._ask("/internal/check", {"sessions": part})
            valid, superseded = told.get("valid"), told.get("superseded", [])
            if status != 200 or not (isinstance(valid, list) and isinstance(superseded, list)):
                raise PortalAway(f"check: {status}")
            standing.valid.update(by_hash[one] for one in valid if one in by_hash)
            standing.superseded.update(by_hash[one] for one in superseded if one in by_hash)
        return standing

    def forget(self, session: str) -> None:
        for known in (self.grants, self.states):
            for key in [key for key in known if key[0] == session]:
                del known[key]

    async def _ask(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        body = json.dumps(asked).encode()
        headers = {
            "Content-Type": "application/json",
            "Host": self.host,
            **signing.headers(self.settings.key, method="POST", path=path, body=body),
        }
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=ASK_WITHIN_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with self._session.post(
                self.settings.portal_url + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                told = await answer.json(content_type=None) if answer.status == 200 else {}
                return answer.status, told if isinstance(told, dict) else {}
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            raise PortalAway(str(error) or type(error).__name__) from error


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise PortalAway(f"an answer without {name!r}")
    return value
