"""One list and then one watch of one kind, for ever: what it brings goes into a queue.

After a list every change is told exactly once, in order. When the API server forgot our revision
(410), when a list is due anyway, and at the beginning, everything is listed anew and told as
`Listed`; what went away meanwhile is what is missing there. An interrupted watch goes on from the
last revision heard. It never gives up: see `Breaker` and `SHORT_LIVED_S` for how it waits.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from provisioner.drivers.kubernetes.client import Client, Stream
from provisioner.drivers.kubernetes.refusals import ApiError, Gone
from provisioner.errors import DriverUnavailable

log = logging.getLogger(__name__)

# The server ends each watch after about this long, and it is opened again.
WATCH_S = 300
# The API server sends a bookmark every minute: more silence than this is a dead stream.
SILENCE_S = 75.0
# A watch that ends sooner is a fault, and the next one waits.
SHORT_LIVED_S = 1.0
PAUSE_S = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything of this kind, as of `revision`, asked for at `at`."""

    kind: str
    items: list[Any]
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One object that came, changed or went (`gone`), heard at `at`."""

    kind: str
    thing: Any
    gone: bool
    revision: int
    at: datetime


class Listener(threading.Thread):
    """Puts `Listed` and `Event` into `into`. `trim` makes of an object what is kept of it."""

    def __init__(
        self,
        client: Client,
        kind: str,
        *,
        into: queue.SimpleQueue[Listed | Event],
        trim: Any,
        selector: str,
        metadata: bool = False,
    ) -> None:
        super().__init__(name=f"watch-{kind}", daemon=True)
        self.client, self.kind, self.into, self.trim = client, kind, into, trim
        self.path, self.selector, self.metadata = f"/api/v1/{kind}", selector, metadata
        self.heard_at: datetime | None = None  # until when nothing can have been missed
        self.restarts: dict[str, int] = {}  # why → how often
        self._ending = threading.Event()
        self._stream: Stream | None = None
        self._relist = threading.Event()
        self._failures = 0

    def relist(self) -> None:
        """List everything anew at the next occasion."""
        self._relist.set()
        if self._stream is not None:
            self._stream.shutdown()

    def end(self) -> None:
        self._ending.set()
        if self._stream is not None:
            self._stream.shutdown()

    def run(self) -> None:
        revision = ""
        while not self._ending.is_set():
            begun_s = time.monotonic()
            try:
                if not revision or self._relist.is_set():
                    self._relist.clear()
                    revision = self._list()
                revision = self._follow(revision)
                self._failures = 0
            except Gone as error:
                revision = ""
                self._stumbled("gone", error, begun_s)
            except DriverUnavailable as error:
                revision = self._last(revision)
                self._stumbled("unavailable", error, begun_s)
            except ApiError as error:
                self._stumbled("refused", error, begun_s)
            except Exception as error:  # a surprise must not end the only ears there are
                log.exception("watch.surprise kind=%s", self.kind)
                revision = ""
                self._stumbled("surprise", error, 0.0)

    def _list(self) -> str:
        at, items, revision = datetime.now(UTC), [], ""
        pages = self.client.pages(self.path, metadata=self.metadata, labels=self.selector)
        for page in pages:
            items += [self.trim(raw) for raw in page.get("items") or []]
            revision = page["metadata"]["resourceVersion"]
        self.into.put(Listed(self.kind, items, int(revision), at))
        self.heard_at = at
        return revision

    def _follow(self, revision: str) -> str:
        """Read one watch to its end; the revision to go on from."""
        self._revision = revision
        lasts_s = int(WATCH_S * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
        self._stream = self.client.watch(
            self.path,
            revision=revision,
            metadata=self.metadata,
            lasts_s=lasts_s,
            silence_s=SILENCE_S,
            labelSelector=self.selector,
        )
        try:
            if self._relist.is_set() or self._ending.is_set():
                return revision
            for kind, raw in self._stream:
                self._hear(kind, raw)
        finally:
            stream, self._stream = self._stream, None
            stream.close()
        return self._revision

    def _hear(self, kind: str, raw: dict[str, Any]) -> None:
        at = datetime.now(UTC)
        revision = raw["metadata"]["resourceVersion"]
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            gone = kind == "DELETED"
            self.into.put(Event(self.kind, self.trim(raw), gone, int(revision), at))
        self._revision, self.heard_at = revision, at
        self._failures = 0

    def _last(self, revision: str) -> str:
        """Where an interrupted watch had come to."""
        return getattr(self, "_revision", revision) if revision else ""

    def _stumbled(self, why: str, error: Exception, begun_s: float) -> None:
        if self._ending.is_set() or self._relist.is_set():
            return
        self.restarts[why] = self.restarts.get(why, 0) + 1
        log.warning("watch.interrupted kind=%s why=%s error=%s", self.kind, why, error)
        lived_s = time.monotonic() - begun_s
        if lived_s > SHORT_LIVED_S and self._failures == 0:
            self._ending.wait(random.uniform(0.0, 0.2))  # noqa: S311 - jitter
            return
        self._failures += 1
        shortest, longest = PAUSE_S
        pause_s = min(longest, shortest * 2 ** min(self._failures - 1, 10))
        self._ending.wait(pause_s * random.uniform(1.0, 1.5))  # noqa: S311 - jitter
