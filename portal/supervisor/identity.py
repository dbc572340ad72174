"""Which process is meant: pid, start time and boot. A pid alone may be somebody else by now."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Identity:
    pid: int
    started: int  # clock ticks after boot, from /proc/<pid>/stat
    boot: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def of(pid: int) -> Identity | None:
    """The process that has this pid now; None for none, and for one that only waits for burial."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Identity(pid, int(fields[19]), boot_id())


def read(value: object) -> Identity | None:
    """From JSON; None for anything that is not one."""
    try:
        return Identity(**value)  # type: ignore[arg-type]
    except TypeError:
        return None


def alive(identity: Identity | None) -> bool:
    return identity is not None and of(identity.pid) == identity


def send(identity: Identity, number: int) -> bool:
    """Signal exactly this process, never one that took over its pid."""
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return False
    try:
        if of(identity.pid) != identity:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def end(identities: Iterable[Identity], number: int, *, grace_s: float) -> None:
    """Ask them to end, wait together, and kill what is left. None of them need be our child."""
    left = [one for one in identities if send(one, number)]
    left = _wait(left, grace_s)
    for one in left:
        send(one, signal.SIGKILL)
    _wait(left, 5)


def _wait(left: list[Identity], seconds: float) -> list[Identity]:
    deadline = time.monotonic() + seconds
    left = [one for one in left if alive(one)]
    while left and (rest := deadline - time.monotonic()) > 0:
        handles = []
        for one in left:
            try:
                handles.append(os.pidfd_open(one.pid))
            except OSError:
                continue
        if handles:
            select.select(handles, [], [], min(rest, 0.5))
        for handle in handles:
            os.close(handle)
        left = [one for one in left if alive(one)]
    return left
