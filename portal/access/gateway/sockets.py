"""WebSockets: checked before the desktop hears of them, then carried frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import aiohttp
import yarl
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from portal.access.gateway.live import GOING_AWAY, Held

LARGEST_FRAME = 32 * 2**20
ANSWERS_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
# A browser whose machine fell asleep says nothing more; its socket shall not stay for ever.
HEARTBEAT_S = 30.0


def is_upgrade(request: web.BaseRequest) -> bool:
    return "Upgrade" in request.headers or "Sec-WebSocket-Key" in request.headers


def well_formed(request: web.BaseRequest) -> bool:
    """A WebSocket upgrade by RFC 6455 §4.1, and nothing else that could switch protocols."""
    upgrade = request.headers.getall("Upgrade", [])
    return (
        request.method == "GET"
        and request.version >= (1, 1)
        and [value.lower() for value in upgrade] == ["websocket"]
        and request.headers.getall("Sec-WebSocket-Version", []) == ["13"]
        and len(request.headers.getall("Sec-WebSocket-Key", [])) == 1
        and not request.body_exists
        and bool(_server().can_prepare(request))
    )


def _server(protocols: tuple[str, ...] = ()) -> web.WebSocketResponse:
    return web.WebSocketResponse(
        max_msg_size=LARGEST_FRAME,
        compress=False,
        autoping=False,
        autoclose=False,
        heartbeat=HEARTBEAT_S,
        protocols=protocols,
        timeout=CLOSE_WITHIN_S,
    )


async def carry(
    request: web.BaseRequest,
    client: aiohttp.ClientSession,
    *,
    address: str,
    passed: CIMultiDict[str],
    answered: dict[str, str],
    held: Held,
) -> web.StreamResponse:
    """Dials the desktop first: a browser is told 101 only when there is somebody to talk to."""
    asked = tuple(
        word.strip()
        for line in request.headers.getall("Sec-WebSocket-Protocol", [])
        for word in line.split(",")
        if word.strip()
    )
    async with asyncio.timeout(ANSWERS_WITHIN_S):
        inner = await client.ws_connect(
            yarl.URL(address, encoded=True),
            headers=passed,
            protocols=asked,
            max_msg_size=LARGEST_FRAME,
            compress=0,
            autoping=False,
            autoclose=False,
        )
    outer = _server((inner.protocol,) if inner.protocol else ())
    outer.headers.update(answered)
    code = GOING_AWAY
    try:
        await outer.prepare(request)
        code = await _both_ways(outer, inner, held)
    finally:
        await asyncio.gather(_close(inner, code), _close(outer, code))
        await _hang_up(request)
    return outer


async def _hang_up(request: web.BaseRequest) -> None:
    """Soon, even if what we said last is still waiting for a browser that does not read."""
    transport = request.transport
    if transport is None:
        return
    until = time.monotonic() + CLOSE_WITHIN_S
    while transport.get_write_buffer_size() and time.monotonic() < until:
        await asyncio.sleep(0.05)
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()


async def _both_ways(outer: web.WebSocketResponse, inner: Any, held: Held) -> int:
    """Until either side closes or the right ends; the code to close with."""
    up = asyncio.create_task(_pump(outer, inner))
    down = asyncio.create_task(_pump(inner, outer))
    ways = (up, down)
    try:
        waits: set[asyncio.Future[Any]] = {*ways, held.ended}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    if held.ended.done():
        return held.ended.result()
    return _sendable(outer.close_code) or _sendable(inner.close_code) or GOING_AWAY


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
    if code is None:
        return None
    return code if code in (1000, 1001, 1011) or 3000 <= code < 5000 else None


async def _close(socket: Any, code: int) -> None:
    """Tell the other side; one that does not listen is not waited for."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, RuntimeError):
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await socket.close(code=code)
        except asyncio.CancelledError:
            # The pump that we stopped may have been waiting for the same slow reader, and
            # aiohttp then says "cancelled" to whoever waits next. Nobody has cancelled us.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
