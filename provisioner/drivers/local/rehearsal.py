"""A start without a desktop: `python -m …rehearsal RUN-FOLDER`, while the platform starts.

Whatever makes every launch fail on this machine (a sandbox that is not allowed, a streamer whose
Python is gone, an X server that does not run) is found before anybody launches anything. It takes
the same folders, the same sandbox and the same variables as a launch, with `rehearsed.py` in place
of the session. Prints nothing where all is well, else what is wrong, and ends with 1 then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from provisioner.drivers.local import sandbox
from provisioner.drivers.local.driver import LocalDriver
from provisioner.drivers.local.folders import Folder
from provisioner.drivers.local.slots import FIRST_UID

UID = FIRST_UID - 1  # no desktop's
PROGRAM = Path(__file__).with_name("rehearsed.py")
WITHIN_S = 60.0
MEANS = {
    "python": "The system's Python cannot run a desktop's session",
    "home": "A desktop cannot write into its own home",
    "sockets": "A desktop cannot make its sockets",
    "programs": "Programs of a desktop are not installed",
    "streamer": "The streamer's Python does not run inside a desktop",
    "screen": "A desktop has no screen",
}


def rehearse(driver: LocalDriver) -> str:
    """What would make every launch fail, in a sentence or two; empty where nothing does."""
    if not (driver.env / "bin" / "python").exists():
        return f"The streamer is not installed in {driver.env}."
    if not Path("/usr/bin/python3").exists():
        return "There is no /usr/bin/python3, which runs a desktop's session."
    driver.cabinet.make()
    stage = driver.cabinet.root / ".rehearsal"
    stage.mkdir(mode=0o711, exist_ok=True)
    folder = Folder(stage, uuid4(), driver.cabinet.runtime)
    try:
        return _run(driver, folder)
    except OSError as error:
        return f"A desktop's folders could not be made: {error}."
    except subprocess.TimeoutExpired:
        return ""  # a machine so busy is not one where nothing can start
    finally:
        folder.clear_run()
        shutil.rmtree(stage, ignore_errors=True)


def noexec(driver: LocalDriver) -> str:
    """Not every launch fails there, but all with programs of a setup's own do."""
    folder = driver.shelf.folder if driver.shelf.folder.exists() else driver.cabinet.root
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return ""
    return (
        f"Setups are prepared in {driver.shelf.folder}, where no program may run: it is mounted "
        "noexec. Mount it without, or name another folder in ATELIER_LOCAL_SETUPS."
    )


def _run(driver: LocalDriver, folder: Folder) -> str:
    starter = driver.starter
    folder.path.mkdir(mode=0o711)
    if driver.kind == "root":
        folder.write_uid(UID)
    starter.furnish(folder)
    driver.shelf.folder.mkdir(parents=True, exist_ok=True)
    outside = starter.outside(driver.shelf.folder / "none")
    view = sandbox.inside(driver.kind, folder, outside, slot=0)
    command = sandbox.command(
        driver.kind,
        folder,
        view,
        outside,
        uid=starter.uid(folder),
        program=["/usr/bin/python3", "-S", "-c", PROGRAM.read_text()],
    )
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" 3>/dev/null', "rehearsal", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        env=sandbox.environment(view, id=str(folder.id), secret="", apps=[]),
        timeout=WITHIN_S,
        check=False,
    )
    if done.returncode == 0:
        return ""
    part, _, why = done.stdout.strip().partition(": ")
    if part in MEANS:
        return f"{MEANS[part]}: {why}."
    said = " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
    return f"The sandbox of a desktop does not start: {said or done.returncode}."


def main() -> int:
    driver = LocalDriver(
        data=Path(os.environ["ATELIER_DATA"]),
        slots=1,
        env=Path(os.environ.get("ATELIER_DESKTOP_ENV") or _ENV),
        plain=os.environ.get("ATELIER_LOCAL_SANDBOX") == "none",
        setups=Path(folder) if (folder := os.environ.get("ATELIER_LOCAL_SETUPS")) else None,
        runtime=Path(sys.argv[1]),
    )
    said = rehearse(driver) or noexec(driver)
    sys.stdout.write(said)
    return 1 if said else 0


_ENV = Path(__file__).resolve().parents[3] / ".envs" / "desktop"

if __name__ == "__main__":
    sys.exit(main())
