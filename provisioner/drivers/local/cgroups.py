"""Limits by cgroup, version 1 or 2, as far as this machine lets us. Never for identity."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
PROCESSES_MAX = 4096


@dataclass(frozen=True)
class Limits:
    """What one desktop may take."""

    memory_mib: int
    cpu_millis: int


def _name(id: UUID) -> str:
    return f"atelier-{id}"


def _unified() -> bool:
    return (ROOT / "cgroup.controllers").is_file()


def _v2_parent() -> Path | None:
    """A group of ours under which groups may have limits."""
    parent = ROOT / "atelier.desktops"
    try:
        for place in (ROOT, parent):
            place.mkdir(exist_ok=True)
            (place / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    except OSError:
        return None
    return parent


def make(id: UUID, limits: Limits) -> tuple[list[Path], list[str]]:
    """Make the groups; answer those to join, and the names of the limits that could not be set."""
    if _unified():
        parent = _v2_parent()
        if parent is None:
            return [], ["memory", "cpu", "processes"]
        group = parent / _name(id)
        values = {
            "memory": ("memory.max", str(limits.memory_mib * 2**20)),
            "cpu": ("cpu.max", f"{limits.cpu_millis * PERIOD_US // 1000} {PERIOD_US}"),
            "processes": ("pids.max", str(PROCESSES_MAX)),
        }
        missing = [kind for kind, (file, value) in values.items() if not _set(group, file, value)]
        return ([group] if group.is_dir() else []), missing
    groups, missing = [], []
    for kind, controller, file, value in [
        ("memory", "memory", "memory.limit_in_bytes", str(limits.memory_mib * 2**20)),
        ("cpu", "cpu", "cpu.cfs_quota_us", str(limits.cpu_millis * PERIOD_US // 1000)),
        ("processes", "pids", "pids.max", str(PROCESSES_MAX)),
    ]:
        group = ROOT / controller / _name(id)
        if (ROOT / controller).is_dir() and _set(group, file, value):
            groups.append(group)
        else:
            missing.append(kind)
    return groups, missing


def _set(group: Path, file: str, value: str) -> bool:
    try:
        group.mkdir(exist_ok=True)
        (group / file).write_text(value)
    except OSError:
        return False
    return True


def _groups(id: UUID) -> list[Path]:
    places = [ROOT / "atelier.desktops", *(ROOT / name for name in ("memory", "cpu", "pids"))]
    return [place / _name(id) for place in places if (place / _name(id)).is_dir()]


def members(id: UUID) -> list[int]:
    """Every process in the desktop's groups."""
    found: set[int] = set()
    for group in _groups(id):
        with suppress(OSError):
            found |= {int(line) for line in (group / "cgroup.procs").read_text().split()}
    return sorted(found)


def remove(id: UUID, *, seconds: float = 2) -> bool:
    """Remove the groups once they are empty; the kernel needs a moment after the last death."""
    deadline = time.monotonic() + seconds
    while groups := _groups(id):
        for group in groups:
            with suppress(OSError):
                group.rmdir()
        if time.monotonic() > deadline:
            return not _groups(id)
        time.sleep(0.002)
    return True
