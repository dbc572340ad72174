"""WebSockets: who gets one, what passes, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from portal.access.gateway import live, sockets
from tests.portal.access.test_headers import NOT_FOR_DESKTOPS, PORTAL_COOKIES
from tests.portal.access.world import BASIC, World
from tests.running import eventually

Talk = Callable[[aiohttp.ClientWebSocketResponse], Awaitable[Any]]


def talk(world: World, what: Talk, **wanted: Any) -> Any:
    """Dial as a browser would and do `what` with the socket."""
    return world.background.run(_talk(world, what, **wanted), seconds=40)


async def _talk(
    world: World,
    what: Talk,
    *,
    origin: str | None = None,
    cookie: str | None = None,
    more: list[tuple[str, str]] | None = None,
    desk: Any = None,
    protocols: tuple[str, ...] = (),
) -> Any:
    heard = [
        ("Host", world.host(desk)),
        ("Cookie", world.cookie() if cookie is None else cookie),
        ("Origin", world.origin(desk) if origin is None else origin),
        *(more or []),
    ]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        headers = [(name, value) for name, value in heard if value]
        async with client.ws_connect(
            f"http://127.0.0.1:{world.port}/websockets?a=%20",
            headers=headers,
            protocols=protocols,
            max_msg_size=64 * 2**20,
            timeout=aiohttp.ClientWSTimeout(ws_close=3),
        ) as ws:
            return await what(ws)


async def echo(ws: aiohttp.ClientWebSocketResponse) -> str:
    await ws.send_str("hello 桌面")
    said = await ws.receive_str(timeout=5)
    await ws.send_bytes(b"\0\xff" * 1000)
    assert await ws.receive_bytes(timeout=5) == b"\0\xff" * 1000
    return said


def refused(world: World, **wanted: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        talk(world, echo, **wanted)
    assert world.desktop.connections == 0, "the desktop never heard of it"
    return error.value.status


def test_frames_pass_both_ways(world: World) -> None:
    assert talk(world, echo) == "hello 桌面"
    heard = world.desktop.heard[0]
    assert heard.path == "/websockets?a=%20"


def test_large_frames_pass_and_larger_ones_do_not(world: World) -> None:
    async def large(ws: aiohttp.ClientWebSocketResponse) -> None:
        data = b"x" * (sockets.LARGEST_FRAME - 1)
        await ws.send_bytes(data)
        assert len(await ws.receive_bytes(timeout=20)) == len(data)
        with contextlib.suppress(OSError):  # cut off while we speak, or told afterwards
            await ws.send_bytes(b"x" * (sockets.LARGEST_FRAME + 1))
        frame = await ws.receive(timeout=20)
        assert frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)

    talk(world, large)


def test_a_protocol_is_the_desktops_choice(world: World) -> None:
    world.desktop.protocol = ("binary",)

    async def chosen(ws: aiohttp.ClientWebSocketResponse) -> str | None:
        return ws.protocol

    assert talk(world, chosen, protocols=("base64", "binary")) == "binary"
    assert talk(world, chosen, protocols=("base64",)) is None


@pytest.mark.parametrize("app", [False, True])
def test_a_desktop_hears_nothing_that_is_not_for_it(world: World, app: bool) -> None:
    desk = world.app if app else world.desk
    world.let_in("s", desk)
    cookie = f"{PORTAL_COOKIES}; __Host-desk=s"
    unwanted = [pair for pair in NOT_FOR_DESKTOPS if pair[0] not in ("TE", "Keep-Alive")]
    talk(world, echo, cookie=cookie, desk=desk, more=unwanted)
    heard = world.desktop.heard[0]
    assert heard.get("Host") == [world.host(desk)]
    assert heard.get("Origin") == [world.origin(desk)]
    # An app behind a socket file asks for no secret, and its server might show what it is told.
    assert heard.get("Authorization") == ([] if app else [BASIC])
    assert not heard.get("Cookie") and not heard.get("Sec-WebSocket-Extensions")
    # Its own word for how the public address begins, whatever the browser claims.
    assert heard.get("X-Forwarded-Proto") == (["http"] if app else [])
    ours = {"authorization", "x-forwarded-proto"}
    names = {name.lower() for name, _value in heard.headers}
    assert not names & {name.lower() for name, _value in unwanted} - ours


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "{own}.evil.example",
        "{own}x",
        "https{rest}",
        "http://localhost:8000",
        "{own}/",
        "{upper}",
        "http://x@{host}",
    ],
)
def test_a_foreign_page_gets_no_socket(world: World, origin: str) -> None:
    own = world.origin()
    given = origin.format(
        own=own, rest=own.removeprefix("http"), upper=own.upper(), host=world.host()
    )
    assert refused(world, origin=given) == 403


def test_no_origin_or_two_are_nobodys(world: World) -> None:
    assert refused(world, origin="") == 403
    assert refused(world, more=[("Origin", world.origin())]) == 403


def test_without_a_session_there_is_no_socket(world: World) -> None:
    world.let_in("other", world.app)
    assert refused(world, cookie="a=b") == 401
    assert refused(world, cookie="__Host-desk=unknown") == 401
    assert refused(world, cookie="__Host-desk=other") == 404
    world.portal.trouble = "500"
    assert refused(world) == 503


def test_a_desktop_that_will_not_talk_is_no_tunnel(world: World) -> None:
    async def plain(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="no")

    world.desktop.answer = plain
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        talk(world, echo)
    assert error.value.status == 502


# --- Ends ---------------------------------------------------------------------------------------


async def until_closed(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, float]:
    begun = time.monotonic()
    while True:
        frame = await ws.receive(timeout=30)
        if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            return ws.close_code, time.monotonic() - begun


def test_it_closes_within_five_seconds_of_a_revocation(world: World) -> None:
    async def thrown_out(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, float]:
        await echo(ws)
        world.throw_out()
        return await until_closed(ws)

    code, seconds = talk(world, thrown_out)
    assert code == live.REVOKED
    assert seconds < 5
    assert world.ask().status == 401
    eventually(lambda: world.desktop.closed_with, seconds=3, what="the desktop is told")


def test_it_closes_a_browser_that_does_not_listen(world: World) -> None:
    """Who neither reads nor answers the close is cut off all the same."""

    async def deaf(ws: aiohttp.ClientWebSocketResponse) -> None:
        await echo(ws)
        ws._conn.transport.pause_reading()
        flood = [world.desktop.sockets[0].send_bytes(b"x" * 10**6) for _each in range(40)]
        flooding = asyncio.gather(*flood, return_exceptions=True)
        await asyncio.sleep(0.2)
        world.throw_out()
        begun = time.monotonic()
        while world.gateway.live.open:
            await asyncio.sleep(0.05)
            assert time.monotonic() - begun < 5
        while established(world.port):
            await asyncio.sleep(0.05)
            assert time.monotonic() - begun < 8, "what was said last still waits for its reader"
        await flooding

    talk(world, deaf)


def established(port: int) -> list[str]:
    """Connections of this machine that somebody on this port still keeps."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]


def test_a_download_is_cut_when_the_right_ends(world: World) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            await asyncio.sleep(0.05)

    async def waits(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(3600)
        return web.Response()

    for answer in (endless, waits):
        world.desktop.answer = answer
        eventually(lambda: not world.gateway.live.open, what="the one before is gone")
        world.let_in(world.session, world.desk)
        with world.dial(seconds=8) as one:
            head = f"GET / HTTP/1.1\r\nHost: {world.host()}\r\nCookie: {world.cookie()}\r\n\r\n"
            one.sendall(head.encode())
            eventually(lambda: world.gateway.live.open, what="it is on its way")
            world.throw_out()
            begun = time.monotonic()
            while _received(one):
                assert time.monotonic() - begun < 5
        assert time.monotonic() - begun < 5


def _received(one: Any) -> bytes:
    try:
        return one.recv(65536)  # type: ignore[no-any-return]
    except ConnectionResetError:
        return b""


def test_one_question_is_asked_for_all_and_none_for_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.05)

    async def three(ws: aiohttp.ClientWebSocketResponse) -> int:
        world.let_in("other", world.app)
        cookie = "__Host-desk=other"

        async def inner(_ws: Any) -> int:
            await asyncio.sleep(2.1)
            world.portal.asked.clear()
            await asyncio.sleep(0.5)
            return len(world.portal.asked)

        return int(await _talk(world, inner, cookie=cookie, desk=world.app))

    asked = talk(world, three)
    assert 2 <= asked <= 12, "once a tick, whatever is open"
    assert set(world.portal.asked) == {"/internal/check"}

    async def nothing() -> None:
        await asyncio.sleep(0.2)
        world.portal.asked.clear()
        await asyncio.sleep(0.5)

    world.background.run(nothing())
    assert not world.portal.asked


def test_a_portal_that_restarts_cuts_nobody_off_and_one_that_stays_away_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "GRACE_S", 2.5)
    monkeypatch.setattr(live, "EVERY_S", 0.2)

    async def survives(ws: aiohttp.ClientWebSocketResponse) -> tuple[int | None, float]:
        await echo(ws)
        await world.portal.stop()
        await asyncio.sleep(1.5)
        await world.portal.start()
        await asyncio.sleep(1.5)
        await echo(ws)
        await world.portal.stop()
        return await until_closed(ws)

    code, seconds = talk(world, survives)
    assert code == live.GOING_AWAY
    assert 1 < seconds < 6


def test_a_gateway_that_stops_says_so(world: World) -> None:
    async def stopped(ws: aiohttp.ClientWebSocketResponse) -> int | None:
        await echo(ws)
        world.gateway.live.end_all()
        return (await until_closed(ws))[0]

    assert talk(world, stopped) == live.GOING_AWAY


def test_one_browser_cannot_hold_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_OF_ONE", 1)

    async def second(_ws: Any) -> None:
        await _talk(world, echo)

    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        talk(world, second)
    assert error.value.status == 429
