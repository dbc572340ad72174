"""Hears desktops come, become ready and die: inotify on their folders, pidfds of their inits.

Costs nothing while nothing happens: one `poll` waits for everything.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from provisioner.drivers.base import News
from provisioner.drivers.local import processes
from provisioner.drivers.local.folders import Cabinet
from provisioner.errors import DriverUnavailable

IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x01000000
IN_CLOEXEC = 0x80000
# What is written whole appears by a rename; folders come and go; states are deleted by `stop`.
MASK = IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR
EVENT = struct.Struct("iIII")
LOUD = {"state.json", "progress.json", "network-failed", "preparing.json"}
QUIET_S = 30.0  # then `changes` ends, so that its caller may look around
# What is inside a desktop may move its marks as often as it likes; we look this often at most.
LOOKS_A_SECOND = 10

_libc = ctypes.CDLL(None, use_errno=True)


class _Ears:
    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet
        self.fd = _libc.inotify_init1(IN_CLOEXEC)
        if self.fd < 0:
            raise DriverUnavailable(f"inotify: {os.strerror(ctypes.get_errno())}")
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)
        self.watches: dict[int, tuple[Path, UUID | None]] = {}
        self.inits: dict[int, UUID] = {}  # pidfd → desktop
        self.watch(cabinet.root, None)
        for folder in cabinet.folders():
            self.follow(folder.id)

    def close(self) -> None:
        for fd in [self.fd, *self.inits]:
            os.close(fd)

    def watch(self, path: Path, id: UUID | None) -> None:
        number = _libc.inotify_add_watch(self.fd, os.fsencode(path), MASK)
        if number >= 0:
            self.watches[number] = (path, id)

    def follow(self, id: UUID) -> None:
        """Listen to one desktop: its folder, its marks, and its init's death."""
        folder = self.cabinet.folder(id)
        self.watch(folder.path, id)
        self.watch(folder.run, id)
        state = folder.state()
        if state is None or id in self.inits.values():
            return
        fd = processes.open_alive(state.pid, state.start_ticks, state.boot_id)
        if fd is not None:
            self.inits[fd] = id
            self.poll.register(fd, select.POLLIN)

    def heard(self, *, seconds: float) -> set[UUID | None] | None:
        """Whose things moved, perhaps nobody's; None when it was quiet for so long."""
        moved: set[UUID | None] = set()
        events = self.poll.poll(math.ceil(seconds * 1000))
        if not events:
            return None
        for fd, _event in events:
            if fd == self.fd:
                moved |= self._read()
            else:
                self.poll.unregister(fd)
                os.close(fd)
                moved.add(self.inits.pop(fd))
        return moved

    def _read(self) -> set[UUID | None]:
        moved: set[UUID | None] = set()
        data = os.read(self.fd, 65536)
        offset = 0
        while offset < len(data):
            number, mask, _cookie, length = EVENT.unpack_from(data, offset)
            name = data[offset + EVENT.size : offset + EVENT.size + length].rstrip(b"\0")
            offset += EVENT.size + length
            if mask & IN_Q_OVERFLOW:
                moved.add(None)
            if mask & IN_IGNORED:
                self.watches.pop(number, None)
            elif number in self.watches:
                moved |= self._event(*self.watches[number], os.fsdecode(name))
        return moved

    def _event(self, path: Path, id: UUID | None, name: str) -> set[UUID | None]:
        if id is not None:
            if name == "run":
                self.follow(id)
                return {id}
            if name in LOUD:
                self.follow(id)
                return {id}
            return set()
        with suppress(ValueError):
            new = UUID(name)
            self.follow(new)
            return {new}
        return set()


def listen(cabinet: Cabinet) -> Iterator[News]:
    """Yields what moved. Ends after a quiet while, or when its reader goes away."""
    ears = _Ears(cabinet)
    told: dict[UUID | None, list[float]] = {}  # when each was spoken of lately
    held: set[UUID | None] = set()  # moved again too often
    try:
        yield News(unclear=True)  # whatever moved before we listened
        while True:
            moved = ears.heard(seconds=1 / LOOKS_A_SECOND if held else QUIET_S)
            if moved is None and not held:
                return
            held |= moved or set()
            for id in list(held):
                now = time.monotonic()
                lately = [at for at in told.get(id, []) if now - at < 1]
                if len(lately) < LOOKS_A_SECOND:
                    told[id] = [*lately, now]
                    held.discard(id)
                    yield News(unclear=True) if id is None else News(moved=(id,))
    finally:
        ears.close()
