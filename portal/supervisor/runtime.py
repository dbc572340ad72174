"""The folder of the Unix sockets: private, and with a path that every program here can take.

It is `run` in the data folder where that has such a path. Where it has not, it is a folder below
/run or /tmp, named after the data folder, so that two copies never share one. In /tmp anybody may
have made something of that name before: it is used only if it is ours, and closed to others.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
from pathlib import Path

from portal.supervisor.person import Person
from portal.supervisor.problems import Trouble

# A socket's path has 107 bytes. What stands below: 12 digits of a desktop, and `app-NAME.sock`
# with a name of at most 40 (provisioner/drivers/local/folders.py); PostgreSQL's is shorter.
LONGEST_FOLDER_BYTES = 44
# PostgreSQL takes a list with commas and quotes, Valkey splits its arguments again at spaces.
_PLAIN = re.compile(rb"[A-Za-z0-9/._+-]+")
_RUN, _TMP = Path("/run"), Path("/tmp")  # noqa: S108 (checked when made)


def folder(data: Path) -> Path:
    """Where the sockets of this data folder belong; it need not be there yet."""
    own = data / "run"
    path = os.fsencode(own)
    if len(path) <= LONGEST_FOLDER_BYTES and _PLAIN.fullmatch(path):
        return own
    return _short() / _name(data)


def _name(data: Path) -> str:
    """No two data folders' alike, and no two users'."""
    return f"atelier-{os.geteuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"


def _short() -> Path:
    """Root's own /run. A plain user's folder there goes when they log out, and we may not."""
    return _RUN if os.geteuid() == 0 and _RUN.is_dir() else _TMP


def make(run: Path, person: Person) -> None:
    """Afterwards it is there, this person's alone. Trouble where somebody else has it.

    Everything is asked of the open folder, never of its name: that may come to mean another one.
    """
    with contextlib.suppress(FileExistsError):
        run.mkdir(mode=0o700)
    try:
        handle = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Trouble(f"{run} is not a folder of ours ({error.strerror}). Remove it.") from None
    try:
        found = os.fstat(handle)
        if found.st_uid not in (os.geteuid(), person.uid):
            raise Trouble(f"{run} belongs to another user. Remove it, or have it removed.")
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise Trouble(f"{run} is open for others to write to. Remove it.")
        if os.geteuid() == 0:
            os.fchown(handle, person.uid, person.gid)
        os.fchmod(handle, 0o700)
    finally:
        os.close(handle)


def hold(run: Path) -> int:
    """A lock on it, for as long as we live: what tidies /tmp up leaves locked folders alone."""
    handle = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def remove(run: Path, data: Path) -> None:
    """Nothing is left outside of the data folder."""
    if run.name == _name(data) and run.parent in (_RUN, _TMP):
        shutil.rmtree(run, ignore_errors=True)
