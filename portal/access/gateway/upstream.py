"""Connections to desktops, over a socket file on this machine or TCP on a cluster."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

MOST_KEPT = 256
CONNECT_WITHIN_S = 5.0


class Upstreams:
    """One client a desktop endpoint; the least used are closed."""

    def __init__(self) -> None:
        self._clients: dict[str, aiohttp.ClientSession] = {}

    def client(self, upstream: str) -> aiohttp.ClientSession:
        """The client for `unix:PATH` or `http://IP:PORT`. ValueError for anything else."""
        known = self._clients.pop(upstream, None)
        if known is None or known.closed:
            known = self._open(upstream)
        self._clients[upstream] = known  # the most recent stands last
        return known

    def _open(self, upstream: str) -> aiohttp.ClientSession:
        connector: aiohttp.BaseConnector
        if upstream.startswith("unix:/"):
            connector = aiohttp.UnixConnector(upstream.removeprefix("unix:"), limit=0)
        elif urlsplit(upstream).scheme == "http":
            connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False)
        else:
            raise ValueError(f"not an upstream: {upstream!r}")
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
            max_line_size=16384,
            max_field_size=16384,
        )

    async def trim(self) -> None:
        while len(self._clients) > MOST_KEPT:
            oldest = next(iter(self._clients))
            await self._clients.pop(oldest).close()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


def base(upstream: str) -> str:
    """What stands before the path: over a socket file any host will do."""
    return "http://desk" if upstream.startswith("unix:") else upstream.rstrip("/")
