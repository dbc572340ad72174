"""Hears from PostgreSQL that desktops changed, and tells every open page of this process.

One LISTEN connection a process, however many pages are open; it is opened by the first page and
closed after the last. No page holds a database connection: what must be asked or rendered runs in
a few threads (`Hub.ask`) that keep theirs for a moment after the last question, and equal pages
share one rendering (`Hub.shared`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection, connections

from provisioner.desktops import Desktop

log = logging.getLogger(__name__)

T = TypeVar("T")
CHANNEL = "desktop"
THREADS = 4
AGAIN_S = (0.2, 1.0, 3.0)
# A rendering is shared by pages that want the same within this time and without a change between.
SHARED_S = 1.0
# A database connection that nobody used for so long is closed.
KEPT_S = 2.0

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """This process's hub (one an event loop, to be exact)."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


class Subscription:
    """One open page. Changes that come while it is busy become one."""

    def __init__(self) -> None:
        self._changed: set[UUID | None] = set()
        self._rung = asyncio.Event()

    def tell(self, desktop_id: UUID | None) -> None:
        """None: anything may have changed, because we were deaf for a moment."""
        self._changed.add(desktop_id)
        self._rung.set()

    async def changed(self, *, within_s: float) -> set[UUID | None]:
        """What changed since the last call; empty when nothing did in that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._rung.wait()
        except TimeoutError:
            return set()
        changed, self._changed = self._changed, set()
        self._rung.clear()
        return changed


class Hub:
    def __init__(self) -> None:
        self._open: set[Subscription] = set()
        self._listener: asyncio.Task[None] | None = None
        self._hearing = asyncio.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._tenants: dict[UUID, asyncio.Future[UUID | None]] = {}
        self._asked_s = 0.0
        self._tidying = False
        self._news = 0
        self._last_news: dict[UUID | None, int] = {}
        self._made: dict[Hashable, tuple[float, int, asyncio.Task[Any]]] = {}

    @asynccontextmanager
    async def subscription(self) -> AsyncIterator[Subscription]:
        """Open once we are listening, so that whatever is looked up next misses nothing."""
        subscription = Subscription()
        self._open.add(subscription)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="live-listener")
        try:
            # Without a database there is nothing to hear; the page says so by itself.
            async with asyncio.timeout(5):
                await self._hearing.wait()
        except TimeoutError:
            log.warning("live.deaf: cannot LISTEN")
        try:
            yield subscription
        finally:
            self._open.discard(subscription)
            if not self._open and self._listener is not None:
                self._listener.cancel()
                self._listener = None
                self._hearing.clear()

    async def ask(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, with a database connection that the thread keeps a while."""
        self._asked_s = time.monotonic()
        if not self._tidying:
            self._tidying = True
            self._tidy_later(KEPT_S)
        return await asyncio.get_running_loop().run_in_executor(self._threads, _alone, work)

    def _tidy_later(self, after_s: float) -> None:
        # Not the loop's: connections are to go also where the loop has ended.
        timer = threading.Timer(after_s, self._tidy)
        timer.daemon = True
        timer.start()

    def _tidy(self) -> None:
        """Let the threads' connections go where nothing was asked for a while."""
        left_s = self._asked_s + KEPT_S - time.monotonic()
        if left_s > 0:
            self._tidy_later(left_s)
            return
        self._tidying = False
        all_here = threading.Barrier(THREADS)
        with suppress(RuntimeError):  # the interpreter ends
            for _ in range(THREADS):
                self._threads.submit(_let_go, all_here)

    async def shared(self, key: Hashable, about: UUID | None, work: Callable[[], T]) -> T:
        """`ask`, once for all pages that want the same of the same change."""
        news = max(self._last_news.get(about, 0), self._last_news.get(None, 0))
        now = time.monotonic()
        kept = self._made.get(key)
        if kept is None or kept[0] < now or kept[1] != news:
            self._made = {k: v for k, v in self._made.items() if v[0] >= now}
            kept = (now + SHARED_S, news, asyncio.ensure_future(self.ask(work)))
            self._made[key] = kept
        # Shielded: one page that goes away must not take the rendering from the others.
        return await asyncio.shield(kept[2])

    async def tenant_of(self, desktop_id: UUID) -> UUID | None:
        """Whose it is; asked once for all pages, since that never changes."""
        asked = self._tenants.get(desktop_id)
        if asked is None or (asked.done() and (asked.cancelled() or asked.exception())):
            if len(self._tenants) > 10_000:
                self._tenants.clear()
            asked = asyncio.ensure_future(self.ask(lambda: _tenant_of(desktop_id)))
            self._tenants[desktop_id] = asked
        return await asyncio.shield(asked)

    def _outdate(self, desktop_id: UUID | None) -> None:
        """What was rendered of it, or of anything (None), is shared no longer."""
        self._news += 1
        if len(self._last_news) > 10_000:
            self._last_news = {None: self._news}
        self._last_news[desktop_id] = self._news

    def _tell(self, desktop_id: UUID | None) -> None:
        self._outdate(desktop_id)
        for subscription in self._open:
            subscription.tell(desktop_id)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await _connect() as heard:
                    await heard.execute(f"LISTEN {CHANNEL}")
                    # Until now we were deaf: whoever waits must look again, and nothing that was
                    # rendered before may be shown to anybody.
                    if failures:
                        self._tell(None)
                    else:
                        self._outdate(None)
                    failures = 0
                    self._hearing.set()
                    async for note in heard.notifies():
                        self._tell(_id(note.payload))
            except psycopg.Error as error:
                log.warning("live.listen_lost error=%s", str(error).strip())
            self._hearing.clear()
            await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
            failures += 1


async def _connect() -> psycopg.AsyncConnection[Any]:
    where = connection.settings_dict
    return await psycopg.AsyncConnection.connect(
        dbname=where["NAME"],
        user=where["USER"] or None,
        password=where["PASSWORD"] or None,
        host=where["HOST"] or None,
        port=where["PORT"] or None,
        autocommit=True,
        connect_timeout=5,
        application_name="atelier-live",
    )


def _id(payload: str) -> UUID | None:
    try:
        return UUID(payload)
    except ValueError:
        return None


def _tenant_of(desktop_id: UUID) -> UUID | None:
    return Desktop.objects.filter(id=desktop_id).values_list("tenant_id", flat=True).first()


def _alone(work: Callable[[], T]) -> T:
    """With this thread's own database connection, which is kept for what is asked next: to make
    one costs more than most answers."""
    try:
        return work()
    finally:
        for known in connections.all(initialized_only=True):
            if known.errors_occurred:
                known.close()
            known.close_at = None
            known.health_check_done = True  # type: ignore[attr-defined]


def _let_go(all_here: threading.Barrier) -> None:
    """One of these for each thread, at the same time: no thread does two of them."""
    with suppress(threading.BrokenBarrierError):
        all_here.wait(timeout=5)
    connections.close_all()
