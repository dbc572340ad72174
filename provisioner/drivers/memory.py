"""A world in a dict, for tests: pretends to run desktops and fails where it is told to.

It outlives the worker (the dict is the world), so a test can kill a worker between two steps and
go on with another one. Nothing here is a desktop: endpoints lead nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, Queue
from uuid import UUID

from django.utils import timezone

from provisioner.drivers.base import DesktopSpec, News, Observation, World
from provisioner.errors import DriverUnavailable, NoCapacity
from provisioner.states import Observed


@dataclass
class Machine:
    """One pretended desktop."""

    spec: DesktopSpec
    observed: Observed = Observed.PENDING
    cause: str = ""


@dataclass
class MemoryDriver:
    """`capacity` machines at most; `ready_at_once` skips pending; `blind` cannot see."""

    hears_everything = False

    capacity: int = 10**9
    ready_at_once: bool = False
    slow_stop: bool = False
    blind: bool = False
    machines: dict[UUID, Machine] = field(default_factory=dict)
    disks: set[UUID] = field(default_factory=set)
    starts: list[tuple[UUID, int]] = field(default_factory=list)
    _changes: Queue[News] = field(default_factory=Queue)

    def start(self, spec: DesktopSpec) -> None:
        self._see()
        if spec.id in self.machines:
            return
        if len(self.machines) >= self.capacity:
            raise NoCapacity(total=self.capacity)
        self.starts.append((spec.id, spec.generation))
        self.disks.add(spec.id)
        ready = Observed.READY if self.ready_at_once else Observed.PENDING
        self.machines[spec.id] = Machine(spec=spec, observed=ready)
        self._moved(spec.id)

    def stop(self, id: UUID, *, tenant: UUID | None = None) -> None:
        self._see()
        machine = self.machines.get(id)
        if machine is None:
            return
        if self.slow_stop and machine.observed != Observed.STOPPING:
            machine.observed = Observed.STOPPING
        else:
            del self.machines[id]
        self._moved(id)

    def erase(self, id: UUID, *, tenant: UUID | None = None) -> None:
        self._see()
        self.machines.pop(id, None)
        self.disks.discard(id)
        self._moved(id)

    def open_files(self, spec: DesktopSpec) -> str:
        self._see()
        return "" if spec.id in self.machines else f"http://memory.invalid/{spec.id}"

    def observe(self, ids: Collection[UUID], *, tenant: UUID | None = None) -> list[Observation]:
        self._see()
        at = timezone.now()
        return [self._observation(id, at) for id in ids]

    def survey(self) -> World:
        self._see()
        at = timezone.now()
        return World(seen=tuple(self._observation(id, at) for id in list(self.machines)), at=at)

    def changes(self) -> Iterator[News]:
        while True:
            try:
                yield self._changes.get(timeout=1.0)
            except Empty:
                return

    # What a test does to the world -------------------------------------------------------------

    def advance(self, id: UUID, observed: Observed, *, cause: str = "") -> None:
        """The world moves on by itself."""
        machine = self.machines.get(id)
        if machine is not None:
            machine.observed, machine.cause = observed, cause
            self._moved(id)

    def vanish(self, id: UUID) -> None:
        """Somebody else removed it."""
        if self.machines.pop(id, None) is not None:
            self._moved(id)

    def _observation(self, id: UUID, at: datetime) -> Observation:
        machine = self.machines.get(id)
        if machine is None:
            return Observation(id=id, observed=Observed.ABSENT, at=at)
        ready = machine.observed == Observed.READY
        return Observation(
            id=id,
            observed=machine.observed,
            at=at,
            generation=machine.spec.generation,
            endpoint=f"unix:/nowhere/{id}.sock" if ready else "",
            cause=machine.cause,
        )

    def _see(self) -> None:
        if self.blind:
            raise DriverUnavailable("the world cannot be asked right now")

    def _moved(self, id: UUID) -> None:
        self._changes.put(News(moved=(id,)))
        # Two looks never share a time stamp, as on a real clock that is read twice.
        time.sleep(0)
