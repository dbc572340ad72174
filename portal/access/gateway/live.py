"""Everything that is open right now, and its end within seconds once the right has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from portal.access.gateway.portal import Portal, PortalAway

log = logging.getLogger("gateway")

EVERY_S = 2.0
# A portal that restarts must not cut everybody off; one that stays away must.
GRACE_S = 10.0

End = Callable[[], Awaitable[None]]


class Live:
    """Open connections by session; `watch` ends those whose session no longer stands."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.open: dict[str, set[End]] = {}
        self.told_at = time.monotonic()

    @contextmanager
    def held(self, session: str, end: End) -> Iterator[None]:
        """While inside, `end` is called when the session ends."""
        if not self.open:
            self.told_at = time.monotonic()
        self.open.setdefault(session, set()).add(end)
        try:
            yield
        finally:
            ends = self.open.get(session, set())
            ends.discard(end)
            if not ends:
                self.open.pop(session, None)

    async def watch(self) -> None:
        """Runs for as long as the process does; asks nothing while nothing is open."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self.open:
                await self.look()

    async def look(self) -> None:
        asked = list(self.open)
        try:
            live = await self.portal.live(asked)
            self.told_at = time.monotonic()
        except PortalAway as error:
            if time.monotonic() - self.told_at < GRACE_S:
                return
            log.warning("live.blind error=%s closing=%d", error, len(asked))
            live = set()
        for session in asked:
            if session not in live:
                await self.end(session)

    async def end(self, session: str) -> None:
        self.portal.forget(session)
        ends = [one() for one in self.open.get(session, set())]
        await asyncio.gather(*ends, return_exceptions=True)
