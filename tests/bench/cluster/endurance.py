"""What the platform costs when nothing happens, and how it comes back from a `kill -9`."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from provisioner.drivers.kubernetes import names
from tests.bench import processes
from tests.bench.cluster.measured import spent
from tests.bench.cluster.ours import OURS, Ours
from tests.bench.cluster.watcher import READY
from tests.running import eventually

# What launches leave to be done (attempts forgotten, rows looked at again) is over by then.
QUIET_AFTER_S = 25
_WORKERS = 0x41544C57  # the first half of the workers' advisory locks: provisioner/lease.py


@dataclass(frozen=True)
class Steady:
    desktops: int
    requests_per_s: float
    cpu_percent: float  # of one core
    rss_mib: float
    pss_mib: float
    others_percent: dict[str, float]


def steady(ours: Ours, seconds: float) -> Steady:
    """With everything that runs now, and nobody who asks for anything."""
    running = ours.statuses().get("running", 0)
    time.sleep(QUIET_AFTER_S)  # not luck: see above
    pids = ours.pids()
    before, asked, began_s = ours.cpu_s(pids), ours.scene.requests(), time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - began_s
    asked = ours.scene.requests() - asked
    used = spent(before, ours.cpu_s(pids))
    percent = {name: 100 * used[name] / took_s for name in used}
    return Steady(
        desktops=running,
        requests_per_s=round(asked / took_s, 2),
        cpu_percent=round(sum(percent[name] for name in OURS), 2),
        rss_mib=round(processes.rss_mib(pids[name] for name in OURS), 1),
        pss_mib=round(processes.pss_mib(pids[name] for name in OURS), 1),
        others_percent={
            name: round(value, 2) for name, value in percent.items() if name != "accepting"
        },
    )


@dataclass(frozen=True)
class Recovery:
    """Seconds from the moment at which both were killed.

    `watch_s`: the new watch leads, and has written down a look at everything. `worker_s`: the new
    worker takes up rows. `freed_s`: no row is held by the dead one any more. `all_running_s`:
    everything that was in flight runs.
    """

    in_flight: int
    known: int  # pods that there were then
    watch_s: float
    worker_s: float
    freed_s: float
    all_running_s: float
    # What just as many in flight took to run before, with nobody killed; None: not tried.
    undisturbed_s: float | None

    @property
    def recovery_s(self) -> float:
        """They know everything, and have everything in hand again."""
        return max(self.watch_s, self.worker_s, self.freed_s)


def recovery(
    ours: Ours, rested: dict[UUID, Any], *, in_flight: int, rehearse: bool = False
) -> Recovery:
    """`rested`: desktops to start, some more than shall be in flight at once."""
    undisturbed_s = None
    if rehearse:
        begun, wait = _flood(ours, rested, in_flight)
        undisturbed_s = round(wait(), 2)
        ours.stop(begun)
        eventually(lambda: ours.resting(rested), seconds=120, what="all rest")
    pids = ours.pids()
    look = _Looking()
    old = look.worker_numbers()
    _begun, wait = _flood(ours, rested, in_flight)
    killed_at, killed_s = time.time(), time.monotonic()
    for name in OURS:
        os.kill(pids[name], signal.SIGKILL)
    seen = look.until_known(old, killed_at, killed_s)
    all_running_s = wait(killed_s)
    look.end()
    return Recovery(
        in_flight=in_flight,
        known=ours.scene.pods(),
        all_running_s=round(all_running_s, 2),
        undisturbed_s=undisturbed_s,
        **seen,
    )


def _flood(ours: Ours, rested: dict[UUID, Any], in_flight: int) -> tuple[dict[UUID, Any], Any]:
    """Start one after the other until so many are on their way at once. What was started, and a
    function that waits until all of it runs, and says how long that took from now."""
    from portal.desktops import actions

    ready = 0
    lock = threading.Lock()

    def count(what: str, _pod: str) -> None:
        nonlocal ready
        with lock:
            ready += what == READY

    ours.scene.watcher.forget(count)
    begun: dict[UUID, Any] = {}
    for id, actor in rested.items():
        actions.start(actor, id)
        begun[id] = actor
        if len(begun) - ready >= in_flight:
            break
    else:
        raise RuntimeError(f"{len(rested)} desktops are too few for {in_flight} at a time")
    now_s = time.monotonic()

    def wait(since_s: float = now_s) -> float:
        ours.scene.watcher.wait(READY, map(names.pod, begun), seconds=120)
        left = list(begun)
        eventually(lambda: ours.running_of(left) == len(left), seconds=120, what="all run")
        return time.monotonic() - since_s

    return begun, wait


class _Looking:
    """Looks into the database every few milliseconds."""

    def __init__(self) -> None:
        import psycopg
        from django.db import connection

        where = connection.settings_dict
        self._connection = psycopg.connect(
            host=where["HOST"], dbname=where["NAME"], user=where["USER"], autocommit=True
        )

    def end(self) -> None:
        self._connection.close()

    def worker_numbers(self) -> set[int]:
        rows = self._connection.execute(
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s",
            (_WORKERS,),
        )
        return {int(row[0]) for row in rows}

    def until_known(self, old: set[int], killed_at: float, killed_s: float) -> dict[str, float]:
        seen: dict[str, float] = {}
        while len(seen) < 3:
            now_s = time.monotonic() - killed_s
            if now_s > 120:
                raise TimeoutError(f"not recovered after {now_s:.0f} s: {seen}")
            if "watch_s" not in seen and self._surveyed_at() > killed_at:
                seen["watch_s"] = round(now_s, 2)
            if "worker_s" not in seen and self.worker_numbers() - old:
                seen["worker_s"] = round(now_s, 2)
            if "freed_s" not in seen and not self._held_by(old):
                seen["freed_s"] = round(now_s, 2)
            time.sleep(0.01)
        return seen

    def _surveyed_at(self) -> float:
        row = self._connection.execute("SELECT surveyed_at FROM provisioner_listening").fetchone()
        return row[0].timestamp() if row and row[0] else 0.0

    def _held_by(self, old: set[int]) -> bool:
        row = self._connection.execute(
            "SELECT EXISTS (SELECT FROM provisioner_desktop WHERE held_by = ANY(%s))", (list(old),)
        ).fetchone()
        return bool(row and row[0])
