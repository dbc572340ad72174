"""Bodies of any length, both ways, and hanging up."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib

import pytest
from aiohttp import web

from tests.portal.access.world import Reply, World, read_all
from tests.running import eventually

PIECE = bytes(range(256)) * 4096  # 1 MiB
PIECES = 200


def head(world: World, method: str, path: str = "/", *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {world.host()}", f"Cookie: {world.cookie()}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def memory_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def test_a_long_download_is_carried_piece_by_piece(world: World) -> None:
    async def long(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _each in range(PIECES):
            await response.write(PIECE)
        return response

    world.desktop.answer = long
    with world.dial(seconds=30) as one:
        one.sendall(head(world, "GET", "/", "Connection: close"))
        before, got = memory_mib(), 0
        while data := one.recv(1 << 20):
            got += len(data)
    assert got > PIECES * len(PIECE)
    assert memory_mib() - before < 60


def test_a_long_upload_arrives_whole(world: World) -> None:
    async def weigh(request: web.BaseRequest) -> web.StreamResponse:
        digest = hashlib.sha256()
        async for data in request.content.iter_any():
            digest.update(data)
        return web.Response(text=digest.hexdigest())

    world.desktop.answer = weigh
    expected = hashlib.sha256()
    with world.dial(seconds=30) as one:
        length = f"Content-Length: {PIECES * len(PIECE)}"
        one.sendall(head(world, "POST", "/api/upload", length, "Connection: close"))
        before = memory_mib()
        for _each in range(PIECES):
            one.sendall(PIECE)
            expected.update(PIECE)
        assert memory_mib() - before < 60
        reply = Reply.of(read_all(one))
    assert reply.status == 200 and reply.text == expected.hexdigest()
    (length,) = world.desktop.heard[0].get("Content-Length")
    assert int(length) == PIECES * len(PIECE)


def test_a_slow_reader_slows_the_desktop_down(world: World) -> None:
    sent = 0

    async def long(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PIECE)
            sent += len(PIECE)

    world.desktop.answer = long
    with world.dial() as one:
        one.sendall(head(world, "GET"))
        eventually(lambda: sent, what="it begins")
        seen = [-1]

        def stands_still() -> bool:
            seen.append(sent)
            world.background.run(asyncio.sleep(0.3))
            return seen[-1] == sent

        eventually(stands_still, what="it waits for its reader")
        assert sent < 40 * len(PIECE)


def test_a_chunked_upload_and_one_that_asks_first(world: World) -> None:
    with world.dial() as one:
        one.sendall(head(world, "POST", "/", "Transfer-Encoding: chunked", "Connection: close"))
        one.sendall(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        assert Reply.of(read_all(one)).body == b"hello world"
    with world.dial() as one:
        asks = ("Expect: 100-continue", "Content-Length: 5", "Connection: close")
        one.sendall(head(world, "POST", "/", *asks))
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(b"hello")
        assert Reply.of(read_all(one)).body == b"hello"


def test_a_part_of_a_file_and_a_head(world: World) -> None:
    async def part(_request: web.BaseRequest) -> web.StreamResponse:
        heard = {"Content-Range": "bytes 0-3/10", "Accept-Ranges": "bytes"}
        return web.Response(status=206, body=b"0123", headers=heard)

    world.desktop.answer = part
    reply = world.ask(more=[("Range", "bytes=0-3")])
    assert (reply.status, reply.body) == (206, b"0123")
    assert reply.get("Content-Range") == ["bytes 0-3/10"]
    reply = world.ask("HEAD")
    assert (reply.status, reply.body) == (206, b"")
    assert reply.get("Content-Length") == ["4"]


def test_who_hangs_up_keeps_no_desktop_waiting(world: World) -> None:
    ended = []

    async def paints(request: web.BaseRequest) -> web.StreamResponse:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.02)
        ended.append(True)
        return web.Response()

    world.desktop.answer = paints
    with world.dial() as one:
        one.sendall(head(world, "GET"))
        eventually(lambda: world.desktop.heard, what="it is asked")
    eventually(lambda: ended, seconds=5, what="it is told that nobody waits")
    assert not world.gateway.live.open


def test_a_desktop_that_dies_halfway_is_no_whole_answer(world: World) -> None:
    async def dies(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        assert request.transport is not None
        request.transport.abort()
        return response

    world.desktop.answer = dies
    with world.dial() as one, contextlib.suppress(ConnectionResetError):
        one.sendall(head(world, "GET"))
        got = read_all(one)
        assert b"200 OK" in got and len(got.partition(b"\r\n\r\n")[2]) < 1000
    # The next one is well again.
    world.desktop.answer = None
    assert world.ask().status == 200


@pytest.mark.full
def test_a_refusal_waits_for_who_is_slow_to_send_all(world: World) -> None:
    """A browser reads an answer only after its body has gone: an early end would hide it."""
    pieces = 60
    lines = f"POST / HTTP/1.1\r\nHost: {world.host()}\r\nContent-Length: {pieces * 1000}\r\n\r\n"
    with world.dial(seconds=30) as one:
        one.sendall(lines.encode())
        for _each in range(pieces):  # twelve seconds: what a piece takes on a slow line
            one.sendall(b"x" * 1000)
            world.background.run(asyncio.sleep(0.2))
        assert b"401" in one.recv(100)


def test_an_early_refusal_passes_while_the_body_is_still_sent(world: World) -> None:
    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"error": "exists"}, status=409)

    world.desktop.answer = refuse
    with world.dial(seconds=30) as one:
        one.sendall(head(world, "PUT", "/api/upload", f"Content-Length: {50 * len(PIECE)}"))
        for _each in range(50):
            one.sendall(PIECE)
        assert one.recv(100).startswith(b"HTTP/1.1 409 ")
