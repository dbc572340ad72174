"""Malformed and ambiguous requests: refused, and never heard by a desktop."""

from __future__ import annotations

import asyncio
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from portal.access.gateway import connection, headers
from tests.portal.access.world import Reply, World, read_all
from tests.running import eventually


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        world = World(Path(folder)).up()
        try:
            yield world
        finally:
            world.down()


# `@` stands for the well-formed beginning: Host, the cookie of a session that holds.
G = b"GET / HTTP/1.1\r\n@"
P = b"POST / HTTP/1.1\r\n@"
EVIL = b"GET /smuggled HTTP/1.1\r\n@\r\n"
WS = b"Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: ^\r\n"
WS_KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

CORPUS: dict[str, bytes] = {
    "CL.TE": P + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "TE.CL": P + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + EVIL,
    "TE.TE, two headers": P
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + EVIL,
    "TE unknown": P + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + EVIL,
    "TE, chunked not last": P + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + EVIL,
    "TE with a space before the colon": P + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "TE on a folded line": P + b"X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "TE with a vertical tab": P + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + EVIL,
    "two different lengths": P + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    "the same length twice": P + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": P + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": P + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": P + b"Content-Length: -5\r\n\r\nhello",
    "a length in hex": P + b"Content-Length: 0x5\r\n\r\nhello",
    "a length with a space before the colon": P + b"Content-Length : 5\r\n\r\nhello",
    "a chunk size with a sign": P + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a chunk size in words": P + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than it says": P
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    "lines that end in LF": b"GET / HTTP/1.1\n" + b"Host: ~\nCookie: !\n\n",
    "one header line that ends in LF": G + b"X-A: b\nX-C: d\r\n\r\n",
    "a lone CR in a value": G + b"X-A: b\rX-C: d\r\n\r\n",
    "a NUL in a value": G + b"X-A: b\0c\r\n\r\n",
    "a folded line": G + b"X-A: b\r\n c\r\n\r\n",
    "a header without a colon": G + b"X-A\r\n\r\n",
    "a header without a name": G + b": b\r\n\r\n",
    "a space in a name": G + b"X A: b\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\nCookie: !\r\n\r\n",
    "two hosts": G + b"Host: ~\r\n\r\n",
    "another host as well": G + b"Host: evil.example\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n@\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\n@\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 @\r\n\r\n",
    "nothing that is a word": b"\0\0\0\xff\xfe@\r\n\r\n",
    "a NUL in our cookie": b"GET / HTTP/1.1\r\nHost: ~\r\nCookie: !\0\r\n\r\n",
    "a lone LF in our cookie": b"GET / HTTP/1.1\r\nHost: ~\r\nCookie: !\nx\r\n\r\n",
    "absolute form": b"GET http://evil.example/ HTTP/1.1\r\n@\r\n",
    "absolute form of our own": b"GET http://~/ HTTP/1.1\r\n@\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\n@\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\n@\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n@\r\n",
    "a method of its own": b"SMUGGLE / HTTP/1.1\r\n@\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\n@\r\n",
    "a backslash in the path": b"GET /a\\..\\b HTTP/1.1\r\n@\r\n",
    "a fragment in the path": b"GET /a#b HTTP/1.1\r\n@\r\n",
    "bytes in the path": b"GET /\xc3\xa4 HTTP/1.1\r\n@\r\n",
    "a NUL in the path": b"GET /a\0b HTTP/1.1\r\n@\r\n",
    "Upgrade: h2c": G + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "Upgrade: something": G + b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    "an upgrade to two things": G + WS + WS_KEY + b"Upgrade: h2c\r\n\r\n",
    "WebSocket 8": G + WS + WS_KEY + b"Sec-WebSocket-Version: 8\r\n\r\n",
    "WebSocket without a version": G + WS + WS_KEY + b"\r\n",
    "WebSocket without a key": G + WS + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "WebSocket with a short key": G
    + WS
    + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YWJj\r\n\r\n",
    "WebSocket by POST": P + WS + WS_KEY + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "WebSocket with a body": G
    + WS
    + WS_KEY
    + b"Sec-WebSocket-Version: 13\r\nContent-Length: 5\r\n\r\nhello",
    "a line of 100 kB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n@\r\n",
    "a header of 2 MB": G + b"X-A: " + b"a" * 2_000_000 + b"\r\n\r\n",
    "a cookie of 2 MB": b"GET / HTTP/1.1\r\nHost: ~\r\nCookie: !; a="
    + b"a" * 2_000_000
    + b"\r\n\r\n",
    "a hundred headers of 20 kB": G
    + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 20_000) for n in range(100)),
    "a thousand headers": G + b"".join(b"X-%d: a\r\n" % n for n in range(1000)) + b"\r\n",
}


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 28


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_refused(world: World, name: str) -> None:
    world.desktop.heard.clear()
    before = world.desktop.connections
    said = world.say(spoken(world, CORPUS[name]), seconds=3)
    answers = statuses(said)
    assert answers, "closed without a word"
    assert nothing_is_repeated(said)
    # One answer: whatever came behind was not taken for another request.
    assert len(answers) == 1 and answers[0] in (400, 405, 431), answers
    assert not [heard for heard in world.desktop.heard if "smuggled" in heard.path]
    if "chunk" not in name:  # a body's mistakes show only once it is on its way
        assert world.desktop.connections == before
        assert not world.desktop.heard


@pytest.mark.parametrize("body", [b"zz\r\nhello\r\n", b"2\r\nhello\r\n", b"-1\r\n"])
def test_a_body_that_goes_wrong_later_is_waited_for_no_longer(world: World, body: bytes) -> None:
    """Its head has been passed on by then; desktop and browser are let go at once."""
    world.desktop.heard.clear()
    with world.dial() as one:
        one.sendall(spoken(world, P + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
        eventually(lambda: world.desktop.heard, what="it is on its way")
        one.sendall(body)
        said = read_all(one)
    assert statuses(said) == [400] and nothing_is_repeated(said)
    eventually(lambda: not world.gateway.live.open, what="nothing is held any more")


def test_a_body_that_goes_wrong_while_it_is_answered_is_cut_off(world: World) -> None:
    async def soon(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"begun")
        await request.read()
        return answer

    world.desktop.answer = soon
    try:
        with world.dial() as one:
            one.sendall(spoken(world, P + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
            said = one.recv(65536)
            while b"begun" not in said:
                said += one.recv(65536)
            one.sendall(b"zz\r\n")
            said += read_all(one)
    finally:
        world.desktop.answer = None
    assert statuses(said) == [200], "no second answer within the first"
    assert not said.endswith(b"0\r\n\r\n"), "and the first is not whole"
    eventually(lambda: not world.gateway.live.open, what="nothing is held any more")


@pytest.mark.parametrize("unfinished", [b"0\r\n", b"0\r\nX: ", b"5;"])
def test_what_follows_a_body_is_counted_too(world: World, unfinished: bytes) -> None:
    """Trailers and the names of chunks are kept until they end, and need not."""
    with world.dial() as one:
        one.sendall(spoken(world, P + b"Transfer-Encoding: chunked\r\n\r\n" + unfinished))
        line = b"a" * 900_000 + (b"" if unfinished == b"5;" else b"\r\nX: ")
        sent = 0
        with suppress(ConnectionError):
            while sent < 64 * connection.HEAD_MOST:  # the kernel keeps a few MiB
                one.sendall(line)
                sent += len(line)
        assert sent < 64 * connection.HEAD_MOST, "it went on reading"


def test_a_head_in_crumbs_is_refused(world: World) -> None:
    """Each of them is gone through again with all before it."""
    with world.dial() as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(spoken(world, G + b"X-A: "))
        with suppress(ConnectionError):
            for _ in range(20 * connection.PIECES_MOST):
                one.sendall(b"a")
            raise AssertionError("it went on reading")


def nothing_is_repeated(said: bytes) -> bool:
    """Byte for byte one of our few answers, whatever was asked."""
    reply = Reply.of(re.sub(rb"^HTTP/\d\.\d", b"HTTP/1.1", said))
    words = {"bad request", "headers too large", "no such method", "bad upgrade"}
    passing = {"Date", "Content-Length", "Connection"}
    told = {name: value for name, value in reply.headers if name not in passing}
    ours = headers.ours() | {"Content-Type": "text/plain; charset=utf-8"}
    return told == ours and reply.text.removesuffix("\n") in words


def test_two_requests_in_one_breath_get_two_answers(world: World) -> None:
    """What the corpus is measured against: the well-formed is let through."""
    world.desktop.heard.clear()
    text = P + b"Content-Length: 5\r\n\r\nhello" + EVIL.replace(b"smuggled", b"second")
    assert statuses(world.say(spoken(world, text))) == [200, 200]
    assert [heard.path for heard in world.desktop.heard] == ["/", "/second"]


def test_what_a_desktop_says_too_much_is_not_the_next_answer(world: World) -> None:
    """From behind: a desktop whose answer is longer than it claims, and holds another one."""

    async def longer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        if request.raw_path != "/long":
            return web.Response(text="honest")
        planted = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted"
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong" + planted)
        await asyncio.sleep(0.2)
        raise ConnectionError

    world.desktop.answer = longer
    try:
        assert world.ask("GET", "/long").body == b"long"
        for _time in range(3):
            assert b"planted" not in world.ask("GET", "/next").body
    finally:
        world.desktop.answer = None


def spoken(world: World, text: bytes) -> bytes:
    head = f"Host: {world.host()}\r\nCookie: {world.cookie()}\r\n".encode()
    return (
        text.replace(b"@", head)
        .replace(b"^", world.origin().encode())
        .replace(b"~", world.host().encode())
        .replace(b"!", world.cookie().encode())
    )


def statuses(said: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/\d\.\d (\d{3})", said)]
