"""What one desktop is right now, from its folder and from whether its init lives. Never acts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from provisioner.drivers.base import Observation
from provisioner.drivers.local import marks, processes
from provisioner.drivers.local.folders import Cabinet, Folder, State
from provisioner.states import Observed

NO_ROOM_BYTES = 4 << 20


def look(cabinet: Cabinet, folder: Folder, at: datetime) -> Observation:
    """DriverUnavailable."""
    state = folder.state()
    if state is None:
        return Observation(id=folder.id, observed=Observed.ABSENT, at=at)
    if not (state.pid or state.ending or cabinet.held(str(folder.id))):
        state = with_init(folder, state)  # its worker died before it could write that down
    if state.ending or not state.pid:
        return _in_between(cabinet, folder, state, at)
    if not processes.alive(state.pid, state.start_ticks, state.boot_id):
        return _died(cabinet, folder, state, at)
    said = folder.marks()
    ready = said.get("ready") is True
    limits = [*state.limits, *(["network"] if folder.network_failed.exists() else [])]
    return Observation(
        id=folder.id,
        observed=Observed.READY if ready else Observed.PENDING,
        at=at,
        generation=state.generation,
        endpoint=f"unix:{folder.run / 'stream.sock'}" if ready else "",
        app_endpoints=_apps(folder, state) if ready else {},
        progress=marks.progress(state, said),
        limits=tuple(limits),
    )


def _in_between(cabinet: Cabinet, folder: Folder, state: State, at: datetime) -> Observation:
    """A start or a stop is at work on it; or was, and its worker died."""
    if not cabinet.held(str(folder.id)):
        return _died(cabinet, folder, state, at)
    return Observation(
        id=folder.id,
        observed=Observed.STOPPING if state.ending else Observed.PENDING,
        at=at,
        generation=state.generation,
        progress={} if state.ending else marks.progress(state, {}, folder.preparing()),
    )


def _died(cabinet: Cabinet, folder: Folder, state: State, at: datetime) -> Observation:
    if folder.state() not in (state, replace(state, pid=0, start_ticks=0, boot_id="")):
        return look(cabinet, folder, at)  # it was stopped, or started, while we looked
    full = _free_bytes(folder) < NO_ROOM_BYTES
    cause, detail = "disk_full" if full else "desktop_died", {"log": folder.said_last()}
    if state.failure and not full:
        cause, detail = state.failure["cause"], state.failure["detail"]
    return Observation(
        id=folder.id,
        observed=Observed.FAILED,
        at=at,
        generation=state.generation,
        cause=cause,
        detail=detail,
        progress=marks.progress(state, folder.marks()),
    )


def with_init(folder: Folder, state: State) -> State:
    """The state with who its init is, as far as the sandbox has said so and it lives."""
    try:
        pid = int(json.loads(folder.info.read_text())["child-pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return state
    ticks = processes.start_ticks(pid)
    if not ticks or not _is_ours(pid, folder):
        return state
    return replace(state, pid=pid, start_ticks=ticks, boot_id=processes.boot_id())


def _is_ours(pid: int, folder: Folder) -> bool:
    """Not some other process that has got the same pid since."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return str(folder.path).encode() in line or str(folder.id).encode() in environ


def _free_bytes(folder: Folder) -> int:
    try:
        room = os.statvfs(folder.path)
    except OSError:
        return NO_ROOM_BYTES
    return room.f_bavail * room.f_frsize


def _apps(folder: Folder, state: State) -> dict[str, str]:
    names = [app.partition(":")[0] for app in state.apps]
    return {name: f"unix:{folder.run / f'app-{name}.sock'}" for name in names}
