"""A room for the files of a desktop that rests: its disk, its user, and one small server in it.

It ends by itself when nobody has asked for anything for a while, and before its desktop starts.
There is no state to keep: whether it lives is seen from the init that the sandbox wrote down.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

from provisioner.drivers.base import FILES, DesktopSpec
from provisioner.drivers.local import processes, sandbox
from provisioner.drivers.local.ending import remains
from provisioner.drivers.local.folders import Folder, State
from provisioner.drivers.local.looking import with_init
from provisioner.drivers.local.starting import SPAWN, Starter, bury
from provisioner.errors import DriverError

UP_WITHIN_S = 10.0
_NOBODY = State(generation=0, slot=0, claimed_at="")


def open_(starter: Starter, folder: Folder, spec: DesktopSpec) -> str:
    """Its endpoint, once it answers there. The caller holds the desktop's lock. OSError."""
    socket = folder.run / f"app-{FILES.name}.sock"
    endpoint = f"unix:{socket}"
    if socket.exists() and _lives(folder):
        return endpoint
    if not folder.home.exists():
        raise DriverError("there is no disk yet", cause="files_no_disk")
    close(folder)
    starter.furnish(folder)
    starter.shelf.folder.mkdir(parents=True, exist_ok=True)
    outside = starter.outside(starter.shelf.folder / "none")
    view = sandbox.inside(starter.kind, folder, outside, slot=0)
    server = ["/usr/bin/python3", "-S", "-B", str(view.desktop / "files" / "server.py")]
    command = sandbox.command(
        starter.kind,
        folder,
        view,
        outside,
        uid=starter.uid(folder),
        program=[*server, "--alone", "--socket", str(view.run / socket.name)],
    )
    # The sandbox has a network of its own where it can have one, and nothing is connected to it.
    network = "plain" if starter.kind == "none" else "shared"
    with folder.log.open("wb") as log:
        parent = subprocess.Popen(
            ["/bin/sh", str(SPAWN), str(folder.path), network, "", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=sandbox.environment(view, id=str(spec.id), secret="", apps=[]),
            start_new_session=True,
        )
    bury(parent)
    _wait(socket, parent, folder)
    return endpoint


def close(folder: Folder) -> None:
    """Ends it, if there is one. DriverError where that cannot be done."""
    if folder.info.exists() and not processes.end_all(lambda: remains(folder)):
        raise DriverError(f"the room of {folder.id} could not be ended")


def _lives(folder: Folder) -> bool:
    init = with_init(folder, _NOBODY)
    return bool(init.pid) and processes.alive(init.pid, init.start_ticks, init.boot_id)


def _wait(socket: Path, parent: subprocess.Popen[bytes], folder: Folder) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not socket.exists():
        if parent.poll() is not None or time.monotonic() > deadline:
            with suppress(DriverError):
                close(folder)
            raise DriverError("\n".join(folder.said_last()), cause="files_failed")
        time.sleep(0.01)
