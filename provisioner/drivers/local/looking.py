"""What one desktop is right now, from its folder and from whether its init lives. Never acts."""

from __future__ import annotations

import os
from datetime import datetime

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
        progress={} if state.ending else marks.progress(state, {}),
    )


def _died(cabinet: Cabinet, folder: Folder, state: State, at: datetime) -> Observation:
    if folder.state() != state:
        return look(cabinet, folder, at)  # it was stopped, or started, while we looked
    full = _free_bytes(folder) < NO_ROOM_BYTES
    return Observation(
        id=folder.id,
        observed=Observed.FAILED,
        at=at,
        generation=state.generation,
        cause="disk_full" if full else "desktop_died",
        detail={"log": folder.said_last()},
        progress=marks.progress(state, folder.marks()),
    )


def _free_bytes(folder: Folder) -> int:
    try:
        room = os.statvfs(folder.path)
    except OSError:
        return NO_ROOM_BYTES
    return room.f_bavail * room.f_frsize


def _apps(folder: Folder, state: State) -> dict[str, str]:
    names = [app.partition(":")[0] for app in state.apps]
    return {name: f"unix:{folder.run / f'app-{name}.sock'}" for name in names}
