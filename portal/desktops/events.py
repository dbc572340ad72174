"""The live streams (Server-Sent Events) behind the pages.

Each begins with the present state, so a page that was away misses nothing; then sends what
changed. It ends, with `bye`, as soon as the session or the membership has ended: that is looked
up again with every event, and twice a minute without any.

A page that may not hold a connection (live.js says which) asks for the present state alone: with
`once` the stream ends after it, with `end`.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.module_loading import import_string

from portal.accounts import tenants
from portal.accounts.models import User
from portal.accounts.permissions import Actor, may
from portal.desktops import fragments
from portal.desktops.cards import Viewer
from portal.desktops.fragments import Page, Part
from portal.desktops.live import Hub, Subscription, hub
from provisioner import desktops

HEARTBEAT_S = 15.0
RETRY_MS = 2000


@dataclass(frozen=True)
class Listener:
    """Who listens, known well enough to be looked up again."""

    session_key: str
    tenant_id: UUID
    language: str
    csrf_token: str

    def viewer(self) -> Viewer | None:
        """None once the session, the person or the membership is no more."""
        actor = current_actor(self.session_key, self.tenant_id)
        if actor is None or not may(actor, "desktop.see"):
            return None
        return Viewer.of(actor, self.language)


def current_actor(session_key: str, tenant_id: UUID) -> Actor | None:
    """Who holds this session now, at work in that very tenant; else None."""
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    return tenants.actor_in(user, tenant_id)


def response(stream: AsyncIterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        stream,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
    )


async def of_desktop(
    listener: Listener, desktop_id: UUID, *, once: bool = False
) -> AsyncIterator[bytes]:
    """Everything live on one desktop's page."""
    await _let_go()
    yield _retry()
    board = hub()
    marks: dict[str, str] = {}
    async with board.subscription() as subscription:
        while True:
            viewer = await board.ask(listener.viewer)
            if viewer is None:
                yield _event("bye", {})
                return
            # Rendered anew also when it was only time to look again: equal parts are not sent.
            page = await _page(board, listener, desktop_id, viewer)
            if page is None:
                yield _event("gone", {})
                return
            new = _unsent(page.parts, marks)
            if new:
                more = {"title": page.title, "say": page.say, "status": page.status}
                yield _event("parts", _parts(new, listener, **more))
            if once:
                yield _event("end", {})
                return
            changed: set[UUID | None] = set()
            async for beat in _wait(subscription, _only(desktop_id), changed):
                yield beat


async def of_tenant(listener: Listener, *, once: bool = False) -> AsyncIterator[bytes]:
    """Every row of a tenant's list, and the sentence above it."""
    await _let_go()
    yield _retry()
    board = hub()
    rows = Rows(board, listener)
    async with board.subscription() as subscription:
        changed: set[UUID | None] = {None}
        while True:
            viewer = await board.ask(listener.viewer)
            if viewer is None:
                yield _event("bye", {})
                return
            async for name, data in rows.news(viewer, changed):
                yield _event(name, data)
            if once:
                yield _event("end", {})
                return
            changed = set()
            async for beat in _wait(subscription, rows.mine, changed):
                yield beat


class Rows:
    """What one list page was told already."""

    def __init__(self, board: Hub, listener: Listener) -> None:
        self._board = board
        self._listener = listener
        self._tenant = listener.tenant_id
        self._marks: dict[str, str] = {}
        self._known: set[UUID] = set()

    async def news(
        self, viewer: Viewer, changed: set[UUID | None]
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """What changed, then what that comes to: nobody waits for a sum to see a desktop run."""
        ids = {id for id in changed if id is not None}
        whole = None in changed or not changed
        if whole:
            ids |= await self._ids() | self._known
        parts: dict[str, Part] = {}
        removed: list[UUID] = []
        for id in ids:
            part = await self._row(id, viewer)
            if part is not None:
                self._known.add(id)
                parts[f"row-{id}"] = part
            elif id in self._known:
                self._known.discard(id)
                removed.append(id)
        if not parts and not removed and not whole:
            return
        for id in removed:
            yield "removed", {"id": f"row-{id}"}
        more = {"only": [f"row-{id}" for id in self._known]} if whole else {}
        new = _unsent(parts, self._marks)
        if new and not whole:
            yield "parts", _parts(new, self._listener)
            new = {}
        summary = await self._board.ask(lambda: fragments.summary(self._tenant, viewer))
        new |= _unsent({"summary": summary}, self._marks)
        if new or more:
            yield "parts", _parts(new, self._listener, **more)

    async def mine(self, changed: set[UUID | None]) -> set[UUID | None]:
        """Of what changed, what belongs to this list."""
        return {
            id for id in changed if id is None or await self._board.tenant_of(id) == self._tenant
        }

    async def _ids(self) -> set[UUID]:
        return await self._board.ask(
            lambda: set(desktops.visible_to(self._tenant).values_list("id", flat=True))
        )

    async def _row(self, id: UUID, viewer: Viewer) -> Part | None:
        return await self._board.shared(
            ("row", self._tenant, id, viewer),
            id,
            lambda: fragments.row(self._tenant, id, viewer),
        )


async def _page(board: Hub, listener: Listener, id: UUID, viewer: Viewer) -> Page | None:
    return await board.shared(
        ("detail", listener.tenant_id, id, viewer),
        id,
        lambda: fragments.detail(listener.tenant_id, id, viewer),
    )


Filter = Callable[[set[UUID | None]], Awaitable[set[UUID | None]]]


async def _wait(
    subscription: Subscription, of_interest: Filter, changed: set[UUID | None]
) -> AsyncIterator[bytes]:
    """Heartbeats until something of interest changed, or until it is time to look again."""
    for _beat in range(2):
        until = time.monotonic() + HEARTBEAT_S
        while (left := until - time.monotonic()) > 0:
            changed |= await of_interest(await subscription.changed(within_s=left))
            if changed:
                return
        yield b": still here\n\n"


def _only(desktop_id: UUID) -> Filter:
    async def of_interest(changed: set[UUID | None]) -> set[UUID | None]:
        return changed & {desktop_id, None}

    return of_interest


async def _let_go() -> None:
    """Close the database connection that the middleware opened for this request."""
    await sync_to_async(_close_idle)()


def _close_idle() -> None:
    for known in connections.all(initialized_only=True):
        if not known.in_atomic_block:
            known.close()


def _unsent(parts: dict[str, Part], marks: dict[str, str]) -> dict[str, Part]:
    new = {name: part for name, part in parts.items() if marks.get(name) != part.mark}
    marks.update({name: part.mark for name, part in new.items()})
    return new


def _parts(parts: dict[str, Part], listener: Listener, **more: object) -> dict[str, Any]:
    return {
        "now": round(time.time() * 1000),
        "parts": {
            name: {"mark": part.mark, "html": part.own(listener.csrf_token)}
            for name, part in parts.items()
        },
        **more,
    }


def _retry() -> bytes:
    return f"retry: {RETRY_MS}\n\n".encode()


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
