"""Ending one desktop: nothing of it runs afterwards, its home stays. The caller holds its lock."""

from __future__ import annotations

import shutil
from dataclasses import replace

from provisioner.drivers.local import cgroups, processes, sandbox
from provisioner.drivers.local.folders import Folder
from provisioner.drivers.local.starting import adopt, bury
from provisioner.errors import DriverError


def end(folder: Folder, kind: sandbox.Kind) -> None:
    """DriverError when something of it cannot be ended; then call it again."""
    state = folder.state()
    if state is not None and not state.pid and adopt(folder, state):
        state = folder.state()
    gone = True
    if state is not None:
        # Whoever looks now sees it stop, not die.
        folder.write_state(replace(state, ending=True))
        init = (state.pid, state.start_ticks, state.boot_id)
        if kind == "none" and processes.alive(*init):
            # What forked and hid is still below the session, which adopts it; so that goes last.
            processes.end_all(lambda: processes.descendants(state.pid))
        gone = processes.kill(*init)
    gone = processes.end_all(lambda: remains(folder)) and gone
    if not (gone and cgroups.remove(folder.id)):
        raise DriverError(f"desktop {folder.id} could not be ended")
    bury()
    folder.clear_run()
    shutil.rmtree(folder.etc, ignore_errors=True)
    folder.forget_state()


def remains(folder: Folder) -> list[int]:
    """Its parent and its network, which are outside of it, and whatever a plain one left."""
    mark = processes.marked("ATELIER_DESKTOP", str(folder.id))
    return sorted({*cgroups.members(folder.id), *mark})
