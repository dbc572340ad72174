"""WebSockets: checked before the desktop hears of them, then carried frame by frame."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import yarl
from aiohttp import WSMsgType, web

from portal.access.gateway.portal import Grant
from portal.access.gateway.upstream import base

if TYPE_CHECKING:
    from portal.access.gateway.server import Gateway, Way

LARGEST_FRAME = 32 * 2**20
REVOKED = 4401  # tells our page that the right ended, not the network
GOING_AWAY = 1001
CLOSE_WITHIN_S = 2.0


def well_formed(request: web.BaseRequest) -> bool:
    """A WebSocket upgrade by RFC 6455 §4.1, and nothing else that could switch protocols."""
    upgrade = request.headers.getall("Upgrade", [])
    return (
        request.method == "GET"
        and [value.lower() for value in upgrade] == ["websocket"]
        and request.headers.getall("Sec-WebSocket-Version", []) == ["13"]
        and not request.body_exists
        and bool(_server().can_prepare(request))
    )


def _server(protocols: tuple[str, ...] = ()) -> web.WebSocketResponse:
    return web.WebSocketResponse(
        max_msg_size=LARGEST_FRAME,
        compress=False,
        autoping=False,
        autoclose=False,
        protocols=protocols,
        timeout=CLOSE_WITHIN_S,
    )


async def carry(gateway: Gateway, way: Way, grant: Grant) -> web.StreamResponse:
    """Dials the desktop first: a browser is told 101 only when there is somebody to talk to."""
    request = way.request
    asked = tuple(
        word.strip()
        for line in request.headers.getall("Sec-WebSocket-Protocol", [])
        for word in line.split(",")
        if word.strip()
    )
    client = gateway.upstreams.client(grant.upstream)
    await gateway.upstreams.trim()
    inner = await client.ws_connect(
        yarl.URL(base(grant.upstream) + way.raw, encoded=True),
        headers=way.to_upstream(grant),
        protocols=asked,
        max_msg_size=LARGEST_FRAME,
        compress=0,
        autoping=False,
        autoclose=False,
    )
    outer = _server((inner.protocol,) if inner.protocol else ())
    codes: list[int] = []

    async def end() -> None:
        codes.append(REVOKED)
        await _close(inner, REVOKED)
        await _close(outer, REVOKED)

    try:
        with gateway.live.held(way.session, end):
            await outer.prepare(request)
            await _both_ways(outer, inner)
    finally:
        code = codes[0] if codes else GOING_AWAY
        await _close(inner, inner.close_code or code)
        await _close(outer, code if codes else _sendable(inner.close_code) or code)
    return outer


async def _both_ways(outer: web.WebSocketResponse, inner: Any) -> None:
    """Until either side closes."""
    ways = [asyncio.create_task(_pump(outer, inner)), asyncio.create_task(_pump(inner, outer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: Any, target: Any) -> None:
    """Frame by frame; `send_*` waits while the other side is slow, so nothing piles up here."""
    while True:
        frame = await source.receive()
        if frame.type is WSMsgType.TEXT:
            await target.send_str(frame.data)
        elif frame.type is WSMsgType.BINARY:
            await target.send_bytes(frame.data)
        elif frame.type is WSMsgType.PING:
            await source.pong(frame.data)
        elif frame.type is not WSMsgType.PONG:
            return


def _sendable(code: int | None) -> int | None:
    """Codes that may stand in a close frame (RFC 6455 §7.4)."""
    return (
        code if code is not None and (code in (1000, 1001, 1011) or 3000 <= code < 5000) else None
    )


async def _close(socket: Any, code: int) -> None:
    if not socket.closed:
        try:
            await asyncio.wait_for(socket.close(code=code), CLOSE_WITHIN_S)
        except (TimeoutError, aiohttp.ClientError, ConnectionError, RuntimeError):
            pass
