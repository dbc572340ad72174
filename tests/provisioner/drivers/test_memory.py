"""The world in a dict keeps the promises: what is tested on it holds for a driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import Driver
from provisioner.drivers.memory import MemoryDriver
from provisioner.states import Observed
from tests.provisioner.drivers.contract import Contract, a_spec, look


class MemoryWorld:
    def __init__(self, *, slow_stop: bool = False) -> None:
        self.capacity = 3
        self.driver = MemoryDriver(capacity=self.capacity, slow_stop=slow_stop)

    def restarted(self) -> Driver:
        return self.driver  # the dict is the world, and outlives every worker

    def becomes_ready(self, id: UUID) -> None:
        self.driver.advance(id, Observed.READY)

    def dies(self, id: UUID) -> None:
        self.driver.advance(id, Observed.FAILED, cause="desktop_died")

    def has_disk(self, id: UUID) -> bool:
        return id in self.driver.disks

    @contextmanager
    def blinded(self) -> Iterator[None]:
        self.driver.blind = True
        yield
        self.driver.blind = False


class TestMemory(Contract):
    @pytest.fixture
    def world(self) -> Iterator[MemoryWorld]:
        yield MemoryWorld()


def test_a_slow_stop_is_seen_while_it_lasts() -> None:
    world = MemoryWorld(slow_stop=True)
    spec = a_spec()
    world.driver.start(spec)
    world.driver.stop(spec.id)
    assert look(world.driver, spec.id).observed == Observed.STOPPING
    world.driver.stop(spec.id)
    assert look(world.driver, spec.id).observed == Observed.ABSENT


def test_what_vanishes_is_absent() -> None:
    world = MemoryWorld()
    spec = a_spec()
    world.driver.start(spec)
    world.driver.vanish(spec.id)
    world.driver.vanish(uuid4())
    assert look(world.driver, spec.id).observed == Observed.ABSENT
