"""Keeps the children running: starts them, hears them die, starts them again, stops them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from types import FrameType

from portal.supervisor import children as table
from portal.supervisor import identity, spawning
from portal.supervisor.children import Child
from portal.supervisor.ledger import Ledger
from portal.supervisor.places import Places
from portal.supervisor.problems import Trouble

# How long to wait before starting a child again that died n times in a row.
_PAUSES_S = (0.1, 0.5, 1, 2, 5, 10)
_WELL_AFTER_S = 30
# While the platform starts, a child that dies this often will not start at all.
_TRIES = 3


class Stopped(Exception):
    """Somebody asked us to stop."""


class Kept:
    """One child and its fate."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.started_at = 0.0
        self.start_at = 0.0
        self.log_from = 0


class Keeper:
    def __init__(self, places: Places, ledger: Ledger) -> None:
        self.places = places
        self.ledger = ledger
        self.kept: dict[str, Kept] = {}
        self.stopping = False
        self.starting = True
        self.sockets: list[socket.socket] = []  # open for as long as we live, so that web may die
        self.held = -1  # a descriptor; see runtime.hold
        self.warning = ""  # what people have to know although everything runs
        self._ear, mouth = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(mouth)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def start(self, *some: Child) -> None:
        for child in some:
            self.kept[child.name] = Kept(child)
            self._spawn(self.kept[child.name])

    def _spawn(self, kept: Kept) -> None:
        child, log = kept.child, self.places.log(kept.child.name)
        table.ready_file(self.places, child.name).unlink(missing_ok=True)
        kept.log_from = log.stat().st_size if log.exists() else 0
        kept.process = spawning.start(
            child.command,
            person=self.places.person,
            log=log,
            env=table.environment(self.places, child),
            drop=child.drop,
            paths=self.places.needed,
            fds=child.fds,
        )
        kept.started_at = time.monotonic()
        known = identity.of(kept.process.pid)
        self.ledger.children[child.name] = {
            "id": known.to_json() if known else None,
            "restarts": kept.deaths,
            "since": time.time(),
        }
        self._write_down()

    def _write_down(self) -> None:
        """Once it runs, a disk that ran full must not take the platform down."""
        with contextlib.nullcontext() if self.starting else contextlib.suppress(OSError):
            self.ledger.write()

    def _bury(self) -> None:
        """Notice who died, and when to start them again."""
        for kept in self.kept.values():
            if kept.process is None or kept.process.poll() is None:
                continue
            code, kept.process = kept.process.returncode, None
            now = time.monotonic()
            if now - kept.started_at > _WELL_AFTER_S:
                kept.deaths = 0
            pause = _PAUSES_S[min(kept.deaths, len(_PAUSES_S) - 1)]
            kept.deaths += 1
            kept.start_at = now + pause
            if self.starting and kept.deaths >= _TRIES:
                raise Trouble(self._obituary(kept, code))
            print(f"{kept.child.name} ended ({_how(code)}); again in {pause} s", flush=True)

    def _obituary(self, kept: Kept, code: int) -> str:
        log = self.places.log(kept.child.name)
        return (
            f"{kept.child.name} does not start ({_how(code)}). The end of {log}:\n"
            f"{spawning.tail(log, since=kept.log_from)}"
        )

    def turn(self, longest_s: float) -> None:
        """One round: bury, start again, sleep until something happens."""
        self._bury()
        due = [kept for kept in self.kept.values() if kept.process is None]
        now = time.monotonic()
        for kept in due:
            if kept.start_at <= now:
                self._spawn(kept)
        waits = [kept.start_at - now for kept in due if kept.process is None]
        select.select([self._ear], [], [], max(0.0, min([longest_s, *waits])))
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 512)
        if self.stopping and self.starting:
            raise Stopped

    def until(self, well: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Keep turning until something is so."""
        deadline = time.monotonic() + seconds
        pause = 0.01
        while not well():
            if time.monotonic() > deadline:
                logs = "\n".join(spawning.tail(self.places.log(name)) for name in what.split())
                raise Trouble(f"No sign of life from {what} within {seconds:g} s.\n{logs}")
            self.turn(pause)
            pause = min(pause * 1.3, 0.1)

    def healthy(self, name: str) -> bool:
        kept = self.kept[name]
        alive = kept.process is not None and kept.process.poll() is None
        return alive and (kept.child.healthy is None or kept.child.healthy())

    def keep(self) -> None:
        """Until asked to stop."""
        self.starting = False
        while not self.stopping:
            self.turn(3600)

    def stop(self, names: Iterable[str], *, grace_s: float = 8) -> None:
        """End some of them together. They are not started again."""
        some = [self.kept.pop(name) for name in names if name in self.kept]
        asked = [kept for kept in some if kept.process is not None]
        for kept in asked:
            assert kept.process is not None
            kept.process.send_signal(kept.child.stop_signal)
        deadline = time.monotonic() + grace_s
        for kept in asked:
            assert kept.process is not None
            try:
                kept.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                kept.process.kill()
                kept.process.wait(5)
        for kept in some:
            self.ledger.children.pop(kept.child.name, None)
        self._write_down()


def _how(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    return f"signal {signal.Signals(-code).name}"
