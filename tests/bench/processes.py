"""What processes cost, as /proc says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """This process and everything it started that still lives."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_s(root: int) -> float:
    """Spent by this process and all it ever started, as far as their ends were waited for."""
    total = 0
    for pid in tree(root):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in stat[11:15])
    return total / _TICKS_A_SECOND


def machine_cpu_s() -> float:
    """Of all processes on this machine, and what its host took away from it."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS_A_SECOND


def rss_mib(roots: Iterable[int]) -> float:
    """Resident memory of these and all they started, what is shared counted every time."""
    return _memory_mib(roots, "status", "VmRSS:")


def pss_mib(roots: Iterable[int]) -> float:
    """The same, what is shared counted once."""
    return _memory_mib(roots, "smaps_rollup", "Pss:")


def _memory_mib(roots: Iterable[int], file: str, word: str) -> float:
    total_kib = 0
    for pid in {pid for root in roots for pid in tree(root)}:
        try:
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        except OSError:
            continue
        total_kib += next((int(line.split()[1]) for line in lines if line.startswith(word)), 0)
    return total_kib / 1024
