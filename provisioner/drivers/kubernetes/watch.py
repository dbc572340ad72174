"""Hears everything that becomes of desktops, and tells it in batches.

Pods and disks are listened to (`streams`); nodes are read now and then, because each of them
reports about itself every few seconds and nothing of that matters here. What matters to people is
told at once: ready, failed, gone. Other steps wait a moment, because mostly the next one follows.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from provisioner.drivers.base import Machine, News, Observation, World
from provisioner.drivers.kubernetes import names, pods
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.streams import Event, Listed, Listener
from provisioner.errors import DriverUnavailable
from provisioner.states import Observed

log = logging.getLogger(__name__)

POD, CLAIM = "pods", "persistentvolumeclaims"
AT_ONCE = {Observed.READY, Observed.FAILED, Observed.ABSENT}
# How long a step may wait for the next one.
STEP_S = 0.2
# How often the caller is told how fresh all this is.
TICK_S = 5.0
MACHINES_S = 30.0
# The safety net below the streams: everything is listed anew so often.
RELIST_S = 600.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What was told of a desktop, as short as can be: there are thousands."""

    revision: int | None
    mark: int  # of everything that anybody would be told

    @classmethod
    def of(cls, seen: Observation) -> _Told:
        said = (seen.observed, seen.generation, seen.endpoint, seen.cause)
        inside = (seen.detail, seen.progress, seen.app_endpoints)
        return cls(seen.revision, hash((said, orjson.dumps(inside, default=str))))


class Watch:
    """One listening; `news` is read by one thread."""

    def __init__(
        self, client: Client, prefix: str, machines: Callable[[], tuple[Machine, ...]]
    ) -> None:
        self._prefix, self._machines = prefix, machines
        self._heard: queue.SimpleQueue[Listed | Event] = queue.SimpleQueue()
        selector = names.selector(prefix)
        self._pods_stream = Listener(
            client, POD, into=self._heard, trim=pods.trim, selector=selector
        )
        self._claims_stream = Listener(
            client,
            CLAIM,
            into=self._heard,
            trim=pods.trim_claim,
            selector=selector,
            metadata=True,
        )
        self._pending: dict[UUID, pods.Pod] = {}  # whose disk may still move on
        self._claims: dict[UUID, pods.Claim] = {}
        self._told: dict[UUID, _Told] = {}
        self._news: dict[UUID, Observation] = {}
        self._at_once = False  # among the news is what people wait for
        self._step_since_s: float | None = None
        self._world: World | None = None
        self._fleet: tuple[Machine, ...] | None = None
        self._fleet_news: tuple[Machine, ...] | None = None
        self._ending = threading.Event()

    def news(self) -> Iterator[News]:
        """Blocks; the first thing told is the whole world."""
        for listener in (self._claims_stream, self._pods_stream):
            listener.start()
        threading.Thread(target=self._count_machines, name="machines", daemon=True).start()
        relist_s = time.monotonic() + RELIST_S * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        tick_s = 0.0
        try:
            while True:
                now_s = time.monotonic()
                if now_s > relist_s:
                    relist_s = now_s + RELIST_S * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
                    self._pods_stream.relist()
                self._gather(until_s=self._wake_s(now_s, tick_s))
                if self._due(time.monotonic(), tick_s):
                    tick_s = time.monotonic() + TICK_S
                    yield self._tell()
        finally:
            self._ending.set()
            self._claims_stream.end()
            self._pods_stream.end()

    # --- Gathering ------------------------------------------------------------------------------

    def _wake_s(self, now_s: float, tick_s: float) -> float:
        """Until when to wait for something to happen."""
        step_s = tick_s if self._step_since_s is None else self._step_since_s + STEP_S
        return max(now_s, min(step_s, tick_s, now_s + TICK_S))

    def _gather(self, *, until_s: float) -> None:
        """Take in what comes until something is worth telling at once, and all that lies ready."""
        while self._world is None and not self._at_once:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                break
            try:
                self._take_in(self._heard.get(timeout=left_s))
            except queue.Empty:
                break
        while not self._heard.empty():
            self._take_in(self._heard.get())

    def _due(self, now_s: float, tick_s: float) -> bool:
        late = self._step_since_s is not None and now_s >= self._step_since_s + STEP_S
        whole = self._world is not None or self._fleet_news is not None
        return bool(whole or late or self._at_once or now_s >= tick_s)

    def _tell(self) -> News:
        news = tuple(self._news.values())
        for seen in news:
            self._told[seen.id] = _Told.of(seen)
            if seen.observed == Observed.ABSENT:
                self._told.pop(seen.id, None)
        told = News(
            seen=news, world=self._world, machines=self._fleet_news, heard_at=self._fresh_at()
        )
        self._news, self._world, self._fleet_news = {}, None, None
        self._step_since_s, self._at_once = None, False
        return told

    def _fresh_at(self) -> datetime | None:
        return self._pods_stream.heard_at

    # --- Taking in ------------------------------------------------------------------------------

    def _take_in(self, heard: Listed | Event) -> None:
        if isinstance(heard, Listed):
            self._take_in_list(heard)
        elif heard.kind == POD:
            self._take_in_pod(heard)
        elif heard.thing.id is not None:
            if heard.gone:
                self._claims.pop(heard.thing.id, None)
            else:
                self._claims[heard.thing.id] = heard.thing
                self._look_again(heard)

    def _take_in_list(self, heard: Listed) -> None:
        if heard.kind == CLAIM:
            self._claims = {claim.id: claim for claim in heard.items if claim.id is not None}
            return
        ours = [pod for pod in heard.items if names.is_ours(self._prefix, pod)]
        self._pending = {}
        seen = tuple(self._observe(pod, heard.at, heard.revision) for pod in ours)
        self._told = {each.id: _Told.of(each) for each in seen}
        self._news = {}  # older than the list
        self._step_since_s, self._at_once = None, False
        self._world = World(seen=seen, at=heard.at, revision=heard.revision)

    def _take_in_pod(self, heard: Event) -> None:
        pod: pods.Pod = heard.thing
        if not names.is_ours(self._prefix, pod):
            return
        if heard.gone:
            self._pending.pop(pod.id, None)
            seen = pods.absence(pod, at=heard.at, revision=heard.revision)
        else:
            seen = self._observe(pod, heard.at, heard.revision)
        self._note(seen)

    def _look_again(self, heard: Event) -> None:
        """Its disk moved on: say so, unless the pod is past that."""
        pod = self._pending.get(heard.thing.id)
        told = self._before(heard.thing.id)
        if pod is not None and told is not None:
            self._note(self._observe(pod, heard.at, told.revision))

    def _observe(self, pod: pods.Pod, at: datetime, revision: int | None) -> Observation:
        seen = pods.observation(pod, at=at, revision=revision, claim=self._claims.get(pod.id))
        if seen.observed == Observed.PENDING:
            self._pending[pod.id] = pod
        else:
            self._pending.pop(pod.id, None)
        return seen

    def _before(self, id: UUID) -> _Told | None:
        """What is told of it next, or else was told last."""
        news = self._news.get(id)
        return self._told.get(id) if news is None else _Told.of(news)

    def _note(self, seen: Observation) -> None:
        before = self._before(seen.id)
        if before is not None and before.mark == _Told.of(seen).mark:
            return
        self._news[seen.id] = seen
        self._at_once = self._at_once or seen.observed in AT_ONCE
        if self._step_since_s is None:
            self._step_since_s = time.monotonic()

    def _count_machines(self) -> None:
        """A thread of its own: reading many nodes must not keep the news waiting."""
        while not self._ending.is_set():
            try:
                fleet = self._machines()
                if fleet != self._fleet:
                    self._fleet = self._fleet_news = fleet
            except DriverUnavailable as error:
                log.warning("watch.machines error=%s", error)
            except Exception:
                log.exception("watch.machines")
            self._ending.wait(MACHINES_S * random.uniform(0.9, 1.1))  # noqa: S311 - jitter
