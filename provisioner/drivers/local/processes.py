"""Who is alive, and how to end them.

A process is known by pid, start time and boot id together: a pid alone is soon somebody else's.
Killing the init of a PID namespace kills everything in it, however it forked and hid.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@cache
def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int:
    """When it began, in clock ticks since boot; 0 when there is none, or it is a zombie."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    # The second field is the command in parentheses and may hold anything, so count from its end.
    rest = stat.rpartition(")")[2].split()
    return 0 if rest[0] in "ZX" else int(rest[19])


def alive(pid: int, ticks: int, boot: str) -> bool:
    """Whether this very process still runs."""
    return pid > 0 and ticks > 0 and boot == boot_id() and start_ticks(pid) == ticks


def open_alive(pid: int, ticks: int, boot: str) -> int | None:
    """A pidfd of this very process, or None. The caller closes it."""
    try:
        fd = os.pidfd_open(pid)
    except (OSError, ValueError, OverflowError):
        return None
    # Compared after opening: from here on the descriptor cannot come to mean another process.
    if alive(pid, ticks, boot):
        return fd
    os.close(fd)
    return None


def kill(pid: int, ticks: int, boot: str, *, seconds: float = 5) -> bool:
    """End this very process and wait until it is gone; True when it is."""
    fd = open_alive(pid, ticks, boot)
    if fd is None:
        return True
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


def marked(name: str, value: str) -> list[int]:
    """Every process that was started with this variable in its environment."""
    mark = f"{name}={value}".encode()
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """Children of this process, their children, and so on."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found += (more := children.pop(left.pop(), []))
        left += more
    return found


def end_all(find: Callable[[], list[int]], *, seconds: float = 5) -> bool:
    """Kill whatever `find` answers, again and again until it finds nobody."""
    deadline = time.monotonic() + seconds
    while pids := [pid for pid in find() if start_ticks(pid)]:
        if time.monotonic() > deadline:
            return False
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return True
