"""Apps' own TCP ports, which nobody outside can see, made reachable for the gateway alone.

On one machine each becomes a socket file, and the folder's permissions are the lock. In a pod it
becomes the same port at the pod's own address, and the lock is the desktop's secret: a connection
whose first request does not carry it is turned away before the app hears of it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from place import HERE, LOGIN, PORT, RUN, Marks, about, say
from webui import News

LONGEST_HEAD = 64 * 1024
HEAD_WITHIN_S = 10.0
TRY_AGAIN_S = 2.0
LOOK_FOR_S, LOOK_AGAIN_S = 0.25, 10.0
HEALTH_WITHIN_S = 10.0
NO = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


FILES = "files"  # not an app of the setup, but our own


def listed() -> list[tuple[str, int]]:
    """Name and port of every app."""
    pairs = [app.partition(":") for app in os.environ.get("DESK_APPS", "").split()]
    return [(name, int(port)) for name, _, port in pairs]


def doors() -> list[Coroutine[Any, Any, None]]:
    """For every app; the files' own server makes its socket file itself, where there is one."""
    return [open_up(name, port) for name, port in listed() if PORT or name != FILES]


def files_server() -> list[str]:
    """Its command; empty where nobody wants it."""
    port = dict(listed()).get(FILES)
    if port is None:
        return []
    where = ["--port", str(port)] if PORT else ["--socket", str(RUN / f"app-{FILES}.sock")]
    return ["/usr/bin/python3", "-B", str(HERE / "files" / "server.py"), *where]


def watched(marks: Marks, news: News) -> list[Coroutine[Any, Any, None]]:
    """Each writes down when its app can be used, and when it no longer can."""
    paths = {app["name"]: app.get("health", "/") for app in about()[0].get("apps", ())}
    return [
        _watch(marks, news, name, port, paths.get(name, "/"))
        for name, port in listed()
        if name != FILES
    ]


async def _watch(marks: Marks, news: News, name: str, port: int, path: str) -> None:
    up = None
    while True:
        now = await _answers(port, path)
        if now is not up:
            marks.app(name, up=now)
            say(f"app {name}: {'ready' if now else 'not there yet'}")
            up = now
        news.app(name, up=now)
        with suppress(asyncio.TimeoutError):  # at once, when its program ends
            await asyncio.wait_for(news.fell.wait(), LOOK_AGAIN_S if up else LOOK_FOR_S)


async def _answers(port: int, path: str) -> bool:
    """2xx from its own health path. A busy one gets time: it may be painting."""
    question = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    with suppress(OSError, asyncio.TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(question)
            head = await asyncio.wait_for(reader.read(64), HEALTH_WITHIN_S)
        finally:
            writer.close()
        return head[9:10] == b"2"
    return False


async def open_up(name: str, port: int) -> None:
    """For as long as the desktop runs."""
    if not PORT:
        server = await asyncio.start_unix_server(
            lambda reader, writer: _join(b"", reader, writer, port), str(RUN / f"app-{name}.sock")
        )
        await server.serve_forever()
    while True:
        try:
            server = await asyncio.start_server(
                lambda reader, writer: _guard(reader, writer, port),
                _own_address(),
                port,
                limit=LONGEST_HEAD,
            )
        except OSError as error:
            # Taken by an app that listens everywhere: it is then guarded by the network alone.
            say(f"app {name}: {error}")
            await asyncio.sleep(TRY_AGAIN_S)
        else:
            await server.serve_forever()


def _own_address() -> str:
    """Of this pod, as its hosts file says; never all of them, which would be in the app's way."""
    found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


async def _guard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """One connection is one asker, so its first request speaks for all that follow."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_WITHIN_S)
    except (  # noqa: UP041 - the session also runs where Python is older
        asyncio.TimeoutError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
        OSError,
    ):
        head = b""
    if knows_the_secret(head):
        await _join(head, reader, writer, port)
        return
    with suppress(OSError):
        writer.write(NO)
        await writer.drain()
    writer.close()


def knows_the_secret(head: bytes) -> bool:
    """Exactly one Authorization header, and in it what the gateway says."""
    found = []
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.lower() == b"authorization":
            found.append(value.strip())
    return len(found) == 1 and hmac.compare_digest(found[0], LOGIN)


async def _join(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()  # the app is not up yet: the gateway words that
        return
    inner_writer.write(head)
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
    for one in (inner_writer, writer):
        one.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
