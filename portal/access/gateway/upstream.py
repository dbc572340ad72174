"""Connections to desktops, over a socket file on this machine or TCP on a cluster."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler

IDLE_KEPT = 64
CONNECT_WITHIN_S = 5.0
# Shorter than any server's own patience, so that none hangs up just as we speak.
KEPT_FOR_S = 4.0


@dataclass(slots=True)
class _Lent:
    client: aiohttp.ClientSession
    users: int = 0


class Upstreams:
    """One client a desktop endpoint: connections of one desktop never serve another."""

    def __init__(self) -> None:
        self._known: dict[str, _Lent] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def lent(self, upstream: str) -> Iterator[aiohttp.ClientSession]:
        """The client for `unix:PATH` or `http://IP:PORT`. ValueError for anything else."""
        one = self._known.pop(upstream, None) or _Lent(_open(upstream))
        self._known[upstream] = one  # the most recent stands last
        one.users += 1
        try:
            yield one.client
        finally:
            one.users -= 1
            self._trim()

    def _trim(self) -> None:
        """Close the least used; never one in use, however many there are."""
        idle = [name for name, one in self._known.items() if one.users == 0]
        for name in idle[: max(0, len(idle) - IDLE_KEPT)]:
            task = asyncio.ensure_future(self._known.pop(name).client.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for one in self._known.values():
            await one.client.close()
        self._known.clear()
        await asyncio.gather(*self._closing)


def _open(upstream: str) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    if upstream.startswith("unix:/"):
        path = upstream.removeprefix("unix:")
        connector = _SocketFile(path, limit=0, keepalive_timeout=KEPT_FOR_S)
    elif urlsplit(upstream).scheme == "http":
        connector = aiohttp.TCPConnector(
            limit=0, use_dns_cache=False, keepalive_timeout=KEPT_FOR_S
        )
    else:
        raise ValueError(f"not an upstream: {upstream!r}")
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        # A picture may be painted for minutes before the first byte: only dialling has a limit.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
        max_line_size=16384,
        max_field_size=16384,
    )


class _SocketFile(aiohttp.UnixConnector):
    """Dials the very file, never what it points to.

    Its folder belongs to whoever works in the desktop. A symbolic link put in its place would be
    followed with our rights: to the platform's database, or to a neighbour.
    """

    async def _create_connection(
        self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        try:
            with _held(self.path) as address:
                async with asyncio.timeout(timeout.sock_connect):
                    _transport, protocol = await self._loop.create_unix_connection(
                        self._factory, address
                    )
        except OSError as error:
            raise aiohttp.ClientOSError(error.errno, f"{self.path}: {error.strerror}") from error
        return protocol


@contextmanager
def _held(path: str) -> Iterator[str]:
    """A name for the socket file that stays true while it is dialled."""
    file = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(file).st_mode):
            raise OSError(errno.ENOTSOCK, "not a socket")
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


def base(upstream: str) -> str:
    """What stands before the path: over a socket file any host will do."""
    return "http://desk" if upstream.startswith("unix:") else upstream.rstrip("/")
