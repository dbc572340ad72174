"""Everything that is open right now, and its end within seconds once the right has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from portal.access.gateway.portal import Portal, PortalAway

log = logging.getLogger("gateway")

EVERY_S = 2.0
# A portal that restarts must not cut everybody off; one that stays away must.
GRACE_S = 10.0
# Far more than a page needs; what one browser may hold of ours.
MOST_OF_ONE = 256

REVOKED = 4401  # close code: the right ended, not the network
SUPERSEDED = 4409  # close code: another window has the stream
# How long the next window waits for the streams before it to have ended.
HANDED_OVER_WITHIN_S = 2.0
GOING_AWAY = 1001


class TooMany(Exception):
    """This session has enough open."""


@dataclass(slots=True, eq=False)
class Held:
    """One exchange that is open. `ended` is set, to a close code, when it has to stop."""

    ended: asyncio.Future[int]
    stream: UUID | None  # the desktop whose stream it is
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


class Live:
    """Open exchanges by session; `watch` ends those whose session no longer stands."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.open: dict[str, set[Held]] = {}
        self.sure_at: dict[str, float] = {}  # when the portal last said yes

    @contextmanager
    def held(self, session: str, *, stream: UUID | None = None) -> Iterator[Held]:
        """Around every exchange that was authorized. TooMany.

        `stream`: the desktop, where it is a socket of its picture and its keys.
        """
        mine = self.open.setdefault(session, set())
        if len(mine) >= MOST_OF_ONE:
            raise TooMany
        one = Held(asyncio.get_running_loop().create_future(), stream)
        self.sure_at.setdefault(session, time.monotonic())
        mine.add(one)
        try:
            yield one
        finally:
            one.gone.set()
            mine.discard(one)
            if not mine:
                self.open.pop(session, None)
                self.sure_at.pop(session, None)

    async def watch(self) -> None:
        """Runs for as long as the process does; asks nothing while nothing is open."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except Exception:  # whatever happens, the next look comes
                log.exception("live.look_failed")

    async def look(self) -> None:
        """One question about everything that is open; none when nothing is."""
        asked = {session: set(mine) for session, mine in self.open.items()}
        if not asked:
            return
        try:
            standing = await self.portal.standing(asked)
        except PortalAway as error:
            old = [one for one in asked if self._doubtful(one)]
            if old:
                log.warning("live.blind error=%s closing=%d", error, len(old))
            for session in old:
                self.end(session, GOING_AWAY)
            return
        now = time.monotonic()
        for session in asked:
            if session not in standing.valid:
                self.end(session, REVOKED)
            elif session in self.sure_at:
                self.sure_at[session] = now
        for session in standing.superseded:
            self.portal.forget(session)  # it was let in by what is not so any more
            for one in asked[session]:  # what opened since then was let in by a newer answer
                if one.stream is not None:
                    one.end(SUPERSEDED)

    def _doubtful(self, session: str) -> bool:
        return time.monotonic() - self.sure_at.get(session, 0.0) > GRACE_S

    def end(self, session: str, code: int) -> None:
        self.portal.forget(session)
        for one in self.open.get(session, set()):
            one.end(code)

    async def hand_over(self, desktop_id: UUID) -> None:
        """A window took this stream: end whatever this process has open of it, and see it end.

        Windows that another process serves lose it with that one's next look.
        """
        streams = [one for mine in self.open.values() for one in mine if one.stream == desktop_id]
        for one in streams:
            one.end(SUPERSEDED)
        with suppress(TimeoutError):
            async with asyncio.timeout(HANDED_OVER_WITHIN_S):
                for one in streams:
                    await one.gone.wait()

    def end_all(self) -> None:
        """This process stops."""
        for session in list(self.open):
            self.end(session, GOING_AWAY)
