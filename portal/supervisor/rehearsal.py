"""Asks the local driver, while the platform starts, whether desktops will start at all."""

from __future__ import annotations

import os
import subprocess
import time

from portal.supervisor import children as table
from portal.supervisor.children import Child
from portal.supervisor.keeper import Keeper
from portal.supervisor.places import Places

WITHIN_S = 75.0  # longer than it waits itself


def begin(here: Places) -> subprocess.Popen[bytes] | None:
    """It goes on beside the start; None where desktops do not run on this machine."""
    if os.environ.get("ATELIER_DRIVER", "") not in ("", "local"):
        return None
    command = [str(here.python), "-m", "provisioner.drivers.local.rehearsal", str(here.run)]
    env = table.environment(here, Child("rehearsal", command, drop=False))
    with here.log("rehearsal").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=here.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes] | None, keeper: Keeper) -> str:
    """What will keep desktops from starting, for people to read; empty for nothing."""
    if process is None:
        return ""
    deadline = time.monotonic() + WITHIN_S
    try:
        while process.poll() is None and time.monotonic() < deadline:
            keeper.turn(0.05)
    finally:
        if process.poll() is None:
            process.kill()
    return process.communicate()[0].decode(errors="replace").strip()
