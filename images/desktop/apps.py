"""Apps' own TCP ports, which nobody outside can see, made reachable for the gateway alone.

On one machine each becomes a socket file, and the folder's permissions are the lock. In a pod it
becomes the same port at the pod's own address, and the lock is the desktop's secret: a connection
whose first request does not carry it is turned away before the app hears of it.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from contextlib import suppress

from place import LOGIN, PORT, RUN, say

LONGEST_HEAD = 64 * 1024
HEAD_WITHIN_S = 10.0
TRY_AGAIN_S = 2.0
NO = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


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
