"""Who hears of desktops outside the platform: a LISTEN of our own, and browsers' open pages.

A process of its own, so that the bench's work delays nothing. Prints a line for every notification
(`row`) and for every "running" that a page was told (`told`): what, desktop, CLOCK_MONOTONIC.
`Ears` starts and reads it.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict

ROW, TOLD = "row", "told"
_RUNNING = re.compile(r'data-status="running"')


class Ears:
    """`heard[what][desktop]`: when, every time."""

    def __init__(self, *, database: str, url: str, cookies: list[dict[str, str]]) -> None:
        """One open list for each of `cookies`; `database` is a connection string."""
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdin is not None
        wish = {"database": database, "url": url, "cookies": cookies}
        self._child.stdin.write(json.dumps(wish) + "\n")
        self._child.stdin.close()
        self.heard: dict[str, dict[str, list[float]]] = {}
        self.forget()
        self._open = threading.Event()
        threading.Thread(target=self._read, daemon=True, name="ears").start()
        if not self._open.wait(30):
            raise RuntimeError("no page opened")

    def forget(self) -> None:
        self.heard = {ROW: defaultdict(list), TOLD: defaultdict(list)}

    def stop(self) -> None:
        self._child.kill()
        self._child.wait(10)

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line == "open\n":
                self._open.set()
                continue
            what, desktop, at_s = line.split()
            self.heard[what][desktop].append(float(at_s))


async def main() -> None:
    wish = json.loads(sys.stdin.readline())
    opened = [asyncio.Event() for _ in wish["cookies"]]
    async with asyncio.TaskGroup() as group:
        listening = asyncio.Event()
        group.create_task(_listen(wish["database"], listening))
        for cookies, event in zip(wish["cookies"], opened, strict=True):
            group.create_task(_page(wish["url"], cookies, event))
        for event in (listening, *opened):
            await event.wait()
        print("open", flush=True)


async def _listen(database: str, listening: asyncio.Event) -> None:
    import psycopg

    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("LISTEN desktop")
        listening.set()
        async for note in connection.notifies():
            print(ROW, note.payload, time.monotonic(), flush=True)


async def _page(url: str, cookies: dict[str, str], opened: asyncio.Event) -> None:
    import aiohttp

    said = "; ".join(f"{name}={value}" for name, value in cookies.items())
    endless = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(timeout=endless, read_bufsize=2**20) as session,
        session.get(url, headers={"Cookie": said}, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            raise RuntimeError(f"{url}: {answer.status}")
        rest = b""
        async for chunk in answer.content.iter_any():
            opened.set()
            *events, rest = (rest + chunk).split(b"\n\n")
            at_s = time.monotonic()
            for event in events:
                _tell(event.decode(), at_s)


def _tell(event: str, at_s: float) -> None:
    name, _newline, data = event.partition("\n")
    if name != "event: parts":
        return
    for part, shown in json.loads(data.removeprefix("data: "))["parts"].items():
        if part.startswith("row-") and _RUNNING.search(shown["html"]):
            print(TOLD, part.removeprefix("row-"), at_s, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
