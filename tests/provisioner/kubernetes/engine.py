"""The engine room on a real cluster, within the test: a worker and a watch as threads.

What they do is what the processes do; nudges go by a queue in memory, and the sweep comes round
every moment, so nothing waits for a clock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
from django.db import connection, transaction

from provisioner import drivers, nudge, reconciler
from provisioner.desktops import Desktop
from provisioner.errors import DriverUnavailable
from provisioner.management.commands.watch import Command
from provisioner.states import Status
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.running import eventually

SWEEP_S = 0.2


class Engine:
    """Runs from `start()` to `end()`; both worlds, the rows and the cluster, are real."""

    def __init__(self, world: KubernetesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.nudges: queue.SimpleQueue[UUID] = queue.SimpleQueue()
        self.ending = threading.Event()
        self.threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []
        monkeypatch.setattr(nudge, "send", self._nudge)
        monkeypatch.setattr(drivers, "chosen", lambda: world.driver)

    def start(self, *, watches: bool = True) -> None:
        jobs = [self._work, *([self._watch] if watches else [])]
        self.threads = [threading.Thread(target=self._run, args=(job,)) for job in jobs]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(20)
        assert not self.errors, self.errors
        assert not any(thread.is_alive() for thread in self.threads)

    def wish(self, verb: Callable[[UUID], Desktop], id: UUID) -> None:
        """As an action does it: in a transaction."""
        with transaction.atomic():
            verb(id)

    # --- What a test asks ---------------------------------------------------------------------

    def until(self, id: UUID, *words: Status, seconds: float = 40) -> Desktop:
        """Waits until its status is one of these."""

        def look() -> Desktop | None:
            desktop = Desktop.objects.get(id=id)
            return desktop if desktop.status in words else None

        def told() -> str:
            desktop = Desktop.objects.get(id=id)
            seen = (desktop.status, desktop.observed, desktop.reason, desktop.attempts)
            return f"{words}; is {seen}: {desktop.reason_detail}"

        try:
            found = eventually(look, seconds=seconds)
        except AssertionError:
            raise AssertionError(told()) from None
        assert found is not None
        return found

    def because(self, id: UUID, cause: str, *, seconds: float = 40) -> Desktop:
        """Waits until this is the reason that people are told."""

        def look() -> Desktop | None:
            desktop = Desktop.objects.get(id=id)
            return desktop if desktop.reason == cause else None

        found = eventually(look, seconds=seconds, what=f"the reason {cause}")
        assert found is not None
        return found

    # --- Its two threads ----------------------------------------------------------------------

    def _nudge(self, ids: object) -> None:
        for id in ids:  # type: ignore[attr-defined]
            self.nudges.put(id)

    def _run(self, job: object) -> None:
        try:
            job()  # type: ignore[operator]
        except BaseException as error:
            self.errors.append(error)
        finally:
            connection.close()

    def _work(self) -> None:
        while not self.ending.is_set():
            with suppress(queue.Empty):
                reconciler.reconcile(self.world.driver, self.nudges.get(timeout=SWEEP_S))
                continue
            for id in reconciler.due():
                reconciler.reconcile(self.world.driver, id)

    def _watch(self) -> None:
        command = Command()
        while not self.ending.is_set():
            news = self.world.driver.changes()
            with suppress(DriverUnavailable):
                for one in news:
                    if self.ending.is_set():
                        break
                    command._take_in(self.world.driver, one)
            news.close()  # type: ignore[attr-defined]
