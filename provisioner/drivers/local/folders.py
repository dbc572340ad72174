"""Where a desktop's things lie, and what was written down about it.

<data>/desktops/<id>/
    home/            what people keep; only `erase` removes it
    run/             sockets and marks of the running session; the gateway's group may enter
    etc/             passwd, group, resolv.conf as the desktop sees them
    uid              the Unix user it has for life (as root)
    state.json       who runs it now; there exactly while something is, or should be, running
    info.json        written by the sandbox itself: pid of its init on this machine
    network-failed   there when its network could not be made, or died
    session.log      what the session said
    preparing.json   how far the preparation of its setup has come, while that goes on
<data>/desktops/.locks/<id>   held by whoever starts, stops or erases it
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from provisioner.errors import DriverUnavailable

LARGEST_MARKS = 65536
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's limit for sockets in the file system
LONGEST_SOCKET_NAME = len("app-.sock") + 40  # app names are slugs; longer than any other's


@dataclass(frozen=True)
class State:
    """What was written down about a start. Times are ISO 8601, in UTC."""

    generation: int
    slot: int
    claimed_at: str
    disk_at: str = ""
    spawned_at: str = ""
    pid: int = 0  # of the sandbox's init, on this machine
    start_ticks: int = 0  # /proc/<pid>/stat, field 22: with the boot id, who that pid is
    boot_id: str = ""
    apps: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)  # what this machine could not limit
    ending: bool = False  # a stop has begun
    preparer: int = 0  # pid of whoever prepares the setup first, and then starts it
    preparer_ticks: int = 0
    prepared_at: str = ""
    failure: dict[str, Any] = field(default_factory=dict)  # cause and detail, if that failed


class Folder:
    """One desktop's folder."""

    def __init__(self, root: Path, id: UUID, runtime: Path) -> None:
        self.id = id
        self._runtime = runtime
        self.path = root / str(id)
        self.home = self.path / "home"
        self.run = self.path / "run"
        self.etc = self.path / "etc"
        self.log = self.path / "session.log"
        self.info = self.path / "info.json"
        self.network_failed = self.path / "network-failed"
        self.progress_file = self.run / "progress.json"
        self.preparing_file = self.path / "preparing.json"
        self._state = self.path / "state.json"
        self._uid = self.path / "uid"

    def exists(self) -> bool:
        return self.path.is_dir()

    @property
    def short_run(self) -> Path:
        """`run` by a name that any socket's path below it has room for, where there is one.

        The kernel counts the name that is given, not where its links lead.
        """
        return self.run if self._fits(self.run) else self._runtime / self.id.hex[:12]

    @staticmethod
    def _fits(folder: Path) -> bool:
        return len(os.fsencode(folder)) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH

    def link_short_run(self) -> None:
        """OSError, also where no name is short enough."""
        short = self.short_run
        if not self._fits(short):
            raise OSError(errno.ENAMETOOLONG, "too long for the paths of sockets", str(short))
        if short != self.run:
            short.unlink(missing_ok=True)
            short.symlink_to(self.run)

    def unlink_short_run(self) -> None:
        if self.short_run != self.run:
            self.short_run.unlink(missing_ok=True)

    def state(self) -> State | None:
        try:
            return State(**json.loads(self._state.read_text()))
        except FileNotFoundError:
            return None
        except OSError as error:  # we cannot see, which is not the same as seeing nothing
            raise DriverUnavailable(str(error)) from error
        except (ValueError, TypeError):
            # Written whole or not at all, so this is not ours; treat it as a start that failed.
            return State(generation=0, slot=-1, claimed_at="1970-01-01T00:00:00+00:00")

    def write_state(self, state: State) -> None:
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state)))
        draft.rename(self._state)

    def forget_state(self) -> None:
        self._state.unlink(missing_ok=True)

    def uid(self) -> int | None:
        try:
            return int(self._uid.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def write_uid(self, uid: int) -> None:
        self._uid.write_text(str(uid))

    def marks(self) -> dict[str, Any]:
        """What the session said of itself. Written by the tenant: believe its shape only."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self.progress_file, flags)  # a link leads elsewhere, a pipe never ends
        except OSError:
            return {}
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return {}
            marks = json.loads(os.read(fd, LARGEST_MARKS))
        except (OSError, ValueError, RecursionError):
            return {}
        finally:
            os.close(fd)
        return marks if isinstance(marks, dict) else {}

    def preparing(self) -> dict[str, Any]:
        """What whoever prepares the setup wrote down; empty when nobody does."""
        try:
            found: dict[str, Any] = json.loads(self.preparing_file.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def write_preparing(self, said: dict[str, Any]) -> None:
        draft = self.preparing_file.with_suffix(".new")
        draft.write_text(json.dumps(said))
        draft.rename(self.preparing_file)

    def said_last(self, lines: int = 12) -> list[str]:
        """The end of the session's log, for the operator."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
                return log.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []

    def clear_run(self) -> None:
        """Nothing of an earlier session may look like one of this one."""
        shutil.rmtree(self.run, ignore_errors=True)
        self.unlink_short_run()
        self.info.unlink(missing_ok=True)
        self.preparing_file.unlink(missing_ok=True)
        self.network_failed.unlink(missing_ok=True)

    def remove(self) -> None:
        """Everything, the home included; goes on until it is gone."""
        for grave in self.path.parent.glob(f".gone-{self.id}-*"):  # an earlier try was cut short
            shutil.rmtree(grave)
        if self.path.exists():
            grave = Path(tempfile.mkdtemp(prefix=f".gone-{self.id}-", dir=self.path.parent))
            self.path.rename(grave)
            shutil.rmtree(grave)


class Cabinet:
    """All desktops' folders."""

    def __init__(self, data: Path, runtime: Path | None = None) -> None:
        """`runtime`: a private folder with a short path, for names of `run` where it is long."""
        self.root = data / "desktops"
        self.runtime = runtime or data / "run"
        self._makes_runtime = runtime is None

    def make(self) -> None:
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        (self.root / ".locks").mkdir(mode=0o700, exist_ok=True)
        if self._makes_runtime:
            self.runtime.mkdir(mode=0o700, exist_ok=True)

    def folder(self, id: UUID) -> Folder:
        return Folder(self.root, id, self.runtime)

    def folders(self) -> list[Folder]:
        """Of every desktop that has one, running or not."""
        try:
            names = [path.name for path in self.root.iterdir()]
        except FileNotFoundError:
            return []  # nothing was ever started here
        except OSError as error:
            raise DriverUnavailable(str(error)) from error
        found = []
        for name in names:
            try:
                found.append(self.folder(UUID(name)))
            except ValueError:
                continue  # locks, graves
        return found

    @contextmanager
    def locked(self, name: str) -> Iterator[int]:
        """One process and thread at a time; freed by the kernel when its holder dies.

        Yields the descriptor that holds it: a child that inherits it holds the lock as well.
        """
        self.make()
        path = self.root / ".locks" / name
        while True:
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if _is_still(path, lock.fileno()):  # not one that `erase` removed meanwhile
                    yield lock.fileno()
                    return

    def held(self, name: str) -> bool:
        """Whether somebody is at work on it."""
        try:
            with (self.root / ".locks" / name).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _is_still(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
