"""Lets the service user reach a checkout, or a data folder, below a folder closed to it.

They often lie in such a place (`/root`, `mktemp -d`). Its mode is not ours to change. So each
dropped process gets a mount namespace of its own in which the closed folder is an empty 0755 one,
with just the paths that it needs bound back in place, under their own names.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from portal.supervisor.person import Person
from portal.supervisor.problems import Trouble

_NEW_MOUNTS = 0x20000
_NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_NOT_NEEDED = {".git", "node_modules"}
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Closed:
    """A closed folder and the paths below it that are needed."""

    folder: Path
    needed: tuple[Path, ...]


def find(paths: Iterable[Path], person: Person) -> list[Closed]:
    """The topmost closed folder above each path, each once."""
    found: dict[Path, list[Path]] = {}
    for path in sorted({path.resolve() for path in paths}):
        folder = _topmost_closed(path, person)
        if folder is None:
            continue
        needed = found.setdefault(folder, [])
        if not any(_open_below(above, path, person) for above in needed):
            needed.append(path)
    return [Closed(folder, tuple(needed)) for folder, needed in found.items()]


def _topmost_closed(path: Path, person: Person) -> Path | None:
    for step in [*reversed(path.parents), path]:
        if step.is_dir() and not person.may_enter(step.stat()):
            return step
    return None


def _open_below(above: Path, path: Path, person: Person) -> bool:
    """Whether `path` is reachable once `above` is."""
    if not path.is_relative_to(above):
        return False
    between = [above.joinpath(*path.relative_to(above).parts[:n]) for n in range(1, 99)]
    return all(person.may_enter(step.stat()) for step in dict.fromkeys(between) if step.is_dir())


def check(closed: list[Closed], person: Person) -> None:
    """Whether `enter` works here, found out before anything is started. Trouble."""
    if not closed:
        return
    child = os.fork()
    if child == 0:
        try:
            enter(closed, person)
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        return
    folders = " ".join(shlex.quote(str(one.folder)) for one in closed)
    needed = ", ".join(str(path) for one in closed for path in one.needed)
    raise Trouble(
        f"The service user {person.name} cannot reach {needed}: a folder above is closed to "
        f"others, and this machine does not let us give it a view of its own. Open it with "
        f"`chmod o+x {folders}`, or use a place that others may enter, such as /srv."
    )


def enter(closed: list[Closed], person: Person) -> None:
    """In a process about to be dropped: make the namespace. Root only."""
    if not closed:
        return
    _check(_libc.unshare(_NEW_MOUNTS), "a private mount namespace")
    _mount("none", "/", "", _REC | _PRIVATE)
    for one in closed:
        kept = os.open(one.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        _mount("tmpfs", str(one.folder), "tmpfs", _NOSUID | _NODEV, "mode=755,size=1m")
        for path in one.needed:
            _bring_back(Path(f"/proc/self/fd/{kept}"), one.folder, path, person)
        os.close(kept)


def _bring_back(kept: Path, folder: Path, path: Path, person: Person) -> None:
    source = kept / path.relative_to(folder)
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path != folder and person.may_enter(source.stat()):
        _mount(str(source), str(path), "", _BIND | _REC)
        return
    for name in sorted({one.name for one in source.iterdir()} - _NOT_NEEDED):
        _bring_back_entry(source / name, path / name)


def _bring_back_entry(source: Path, target: Path) -> None:
    if os.path.lexists(target):  # another needed path below, already there
        return
    kind = source.lstat().st_mode
    if stat.S_ISLNK(kind):
        target.symlink_to(source.readlink())
        return
    if stat.S_ISDIR(kind):
        target.mkdir()
    elif stat.S_ISREG(kind):
        target.touch()
    else:
        return
    _mount(str(source), str(target), "", _BIND | _REC)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = (source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)
    _check(_libc.mount(*words), f"mounting {target}")


def _check(answer: int, what: str) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
