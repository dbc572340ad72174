"""How the screen is sent: as video by the card's own encoder, as video by x264, or as pictures.

The streamer's `h264enc` takes NVENC where the driver offers it and x264 where not, and steps down
by itself to pictures for a browser that decodes no video. Pictures cost a machine a fraction of
x264 on a screen that mostly rests, so a small machine without an encoder sends them at once.
"""

from __future__ import annotations

import os
from pathlib import Path

VIDEO, PICTURES = "h264enc", "jpeg"
ROOM_FOR_X264 = 4  # cores
NVIDIA = Path("/dev/nvidiactl")
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: "<quota> <period>" in µs, or "max <period>"
CFS_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")  # cgroup v1; -1: none
CFS_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def chosen() -> str:
    """DESK_ENCODER names one; else what this desktop can bear."""
    named = os.environ.get("DESK_ENCODER", "")
    return named or (VIDEO if nvenc() or cores() >= ROOM_FOR_X264 else PICTURES)


def nvenc() -> bool:
    """Whether there is a card, and its driver brings the encoder along."""
    if not NVIDIA.exists():
        return False
    import ctypes  # every start would wait for it

    try:
        ctypes.CDLL("libnvidia-encode.so.1")
    except OSError:
        return False
    return True


def cores() -> float:
    """That this desktop may use: of the machine, or fewer where its group is limited."""
    there = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = CPU_MAX.read_text().split()
        return min(there, int(quota) / int(period))
    except (OSError, ValueError):
        pass
    try:
        v1, period_us = int(CFS_QUOTA.read_text()), int(CFS_PERIOD.read_text())
        return min(there, v1 / period_us) if v1 > 0 else there
    except (OSError, ValueError):
        return there
