"""What can be done with the files of a home. Every path is one below it, whatever it says."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import names

HOME = Path(os.environ.get("HOME", "/home/desk")).resolve()
OUTPUTS = HOME / "Outputs"
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"}
ENTRIES_MOST = 5000  # of one folder; more are counted, not listed


class Refused(Exception):
    """`code` is a word of the page."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


class Changed(Exception):
    """A file became another one while it was read."""


def missing(path: Path) -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "missing", names.to_text(path.name))


def inside(text: str) -> Path:
    """A path of the home, said as in `names`. Links are followed as long as they stay there.

    Raises:
        Refused: there is no such path, or it leads out of the home.
    """
    path = HOME / _said(text).lstrip("/")
    # The last part may be a link that leads elsewhere: that one can be deleted, not read.
    parent = _real(path.parent) if text.strip("/") else HOME
    if ".." in path.parts or not (parent == HOME or HOME in parent.parents):
        raise Refused(HTTPStatus.NOT_FOUND, "missing", text)
    return parent / path.name if text.strip("/") else HOME


def _said(text: str) -> str:
    """Raises:
    Refused: no file can have such a name.
    """
    try:
        name = names.from_text(text)
    except UnicodeEncodeError:
        name = "\0"
    if "\0" in name:
        raise Refused(HTTPStatus.BAD_REQUEST, "name")
    return name


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # resolve() breaks on links in a circle


def holds(path: Path) -> bool:
    """It really lies in the home, or is it."""
    real = _real(path)
    return real == HOME or HOME in real.parents


def opened(path: Path) -> IO[bytes]:
    """For reading: a regular file that really lies in the home. Refused, OSError."""
    real = _real(path)
    if HOME not in real.parents:
        raise missing(path)
    file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not os.path.isfile(f"/proc/self/fd/{file}"):  # noqa: PTH113 - a pipe, a device
        os.close(file)
        raise missing(path)
    return os.fdopen(file, "rb")


def unchanged(file: IO[bytes], before: os.stat_result) -> None:
    """Call it between the last byte read and the last byte handed on.

    Raises:
        Changed: it was written to since `before`, so what was read may be half of each.
    """
    now = os.fstat(file.fileno())
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Changed


def name_of(path: Path) -> str:
    """As the page names it: below the home, with slashes."""
    return names.to_text(path.relative_to(HOME).as_posix()) if path != HOME else ""


def listing(text: str, *, hidden: bool) -> dict[str, Any]:
    folder = inside(text)
    if not holds(folder):
        raise missing(folder)
    found, more = [], 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and not hidden:
                continue
            if len(found) >= ENTRIES_MOST:
                more += 1
                continue
            with suppress(OSError):
                found.append(_entry(entry))
    found.sort(key=lambda one: (one["kind"] != "folder", str(one["name"]).lower()))
    room = os.statvfs(folder)
    return {
        "path": name_of(folder),
        "entries": found,
        "more": more,
        "free_bytes": room.f_bavail * room.f_frsize,
    }


def _entry(entry: os.DirEntry[str]) -> dict[str, Any]:
    try:
        about = entry.stat()
    except OSError:
        about = entry.stat(follow_symlinks=False)  # a link to nothing: there, and can be deleted
    kind = "folder" if stat.S_ISDIR(about.st_mode) else "other"
    return {
        "name": names.to_text(entry.name),
        "kind": "file" if stat.S_ISREG(about.st_mode) else kind,
        "size_bytes": about.st_size,
        "modified_s": about.st_mtime,
        "picture": Path(entry.name).suffix.lower() in PICTURES,
    }


def pictures(first: int, count: int) -> dict[str, Any]:
    """Everything painted, the newest first; previews that WebUIs keep for themselves left out."""
    found: list[tuple[float, int, str]] = []
    for folder, below, files in os.walk(OUTPUTS):
        below[:] = [name for name in below if name != "thumbnails" and not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in PICTURES and not name.startswith("."):
                path = Path(folder, name)
                with suppress(OSError):
                    about = path.stat()
                    if stat.S_ISREG(about.st_mode):
                        found.append((about.st_mtime, about.st_size, name_of(path)))
    found.sort(reverse=True)
    page = [
        {"path": path, "size_bytes": size, "modified_s": at}
        for at, size, path in found[first : first + count]
    ]
    return {"pictures": page, "total": len(found)}


def make_folder(text: str) -> None:
    try:
        inside(text).mkdir()
    except FileExistsError as error:
        raise Refused(HTTPStatus.CONFLICT, "exists", text) from error


def rename(text: str, name: str) -> None:
    path, new = _theirs(text), _said(name)
    if not new or "/" in new or new in (".", ".."):
        raise Refused(HTTPStatus.BAD_REQUEST, "name", name)
    target = path.with_name(new)
    if os.path.lexists(target):
        raise Refused(HTTPStatus.CONFLICT, "exists", name)
    path.rename(target)


def delete(text: str) -> None:
    path = _theirs(text)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _theirs(text: str) -> Path:
    path = inside(text)
    if path == HOME:
        raise Refused(HTTPStatus.BAD_REQUEST, "name", text)
    return path


def worded(error: OSError) -> Refused:
    """The kernel's words, in the page's."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(HTTPStatus.INSUFFICIENT_STORAGE, "full")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return Refused(HTTPStatus.NOT_FOUND, "missing")
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
        return Refused(HTTPStatus.CONFLICT, "exists")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(HTTPStatus.FORBIDDEN, "denied")
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
        return Refused(HTTPStatus.BAD_REQUEST, "name")
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "broken", error.strerror or "")
