"""A world of one's own for a real node: network, mounts, processes, control group, folder.

A node writes routes, mounts and control groups, and its pods are processes that outlive whoever
started them. So the tests of a real node run in namespaces of their own (pytest again, as their
first process): no address outside can be reached from there, and when that process ends,
however it ends, the kernel ends everything in there with it. What a kernel does not clear away,
folder and control groups, the guardian does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.cluster.node import stock

PREFIX = "atelier-node-"
INSIDE = "ATELIER_TEST_WORLD"  # its name, for whoever is in it
_CGROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = ("containerd", "runc", "ctr", "cc", "ip", "mount", "unshare", "setpriv")
_CNI = Path("/usr/lib/cni")
_NAMESPACES = ("--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--mount-proc")


def inside() -> str:
    """The name of the world we are in; empty outside of any."""
    return os.environ.get(INSIDE, "")


def why_not() -> str:
    """Why there can be none here; empty where it can."""
    if os.geteuid() != 0:
        return "a real node takes root"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    plugins = [_CNI / name for name in ("bridge", "host-local", "loopback")]
    missing += [str(path) for path in plugins if not path.exists()]
    if missing:
        return f"a real node takes {', '.join(missing)}"
    tried = subprocess.run(
        ["unshare", *_NAMESPACES, "ip", "link", "add", "try0", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        return f"no namespaces or no bridges here: {tried.stderr.strip()}"
    try:
        folder = hierarchies()[0] / f"{PREFIX}try-{os.getpid()}"
        folder.mkdir()
        folder.rmdir()
    except (OSError, IndexError) as error:
        return f"no control groups to be had here: {error}"
    return ""


def command(*words: str) -> list[str]:
    """Runs these in namespaces of their own, which end when the caller does."""
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", *_NAMESPACES, "--kill-child=KILL", "--", *words),
    ]


class Estate:
    """What a world has on this machine: one folder, and a control group of the same name."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o711)  # the database's own user goes through it
        self.name = self.folder.name
        self._lock = _lock(self.folder)
        for hierarchy in hierarchies():
            group = hierarchy / self.name
            group.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group of the first kind
                if (group / name).exists() and (hierarchy / "tasks").exists():
                    (group / name).write_text((hierarchy / name).read_text())

    def clear(self) -> None:
        """OSError while something still ends in there."""
        _clear(self.folder)
        if self._lock is not None:
            os.close(self._lock)


def sweep() -> None:
    """What is left of worlds whose guardian was killed. (Their processes died with it.)"""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if (lock := _lock(folder)) is not None:
            _clear(folder)
            os.close(lock)


def _clear(folder: Path) -> None:
    clear_cgroups(folder.name)
    shutil.rmtree(stock.place(folder.name), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def hierarchies() -> list[Path]:
    """Where control groups are made: the one of the second kind, or all of the first."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [
        path
        for path in sorted(_CGROUPS.iterdir())
        if path.is_dir() and not path.is_symlink() and (path / "cgroup.procs").exists()
    ]


def clear_cgroups(name: str) -> None:
    """Empty ones, the innermost first; what still ends there is waited for by the kernel."""
    for hierarchy in hierarchies():
        groups = sorted((hierarchy / name).rglob("*"), reverse=True)
        for group in [*groups, hierarchy / name]:
            if group.is_dir():
                group.rmdir()


def _lock(folder: Path) -> int | None:
    """The folder is ours while we hold this; the kernel lets go of it when we die."""
    try:
        file = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
