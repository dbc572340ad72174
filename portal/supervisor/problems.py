"""What keeps the platform from starting, in words for the terminal."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Trouble(Exception):
    """Something to tell people in one or a few lines; the platform does not start."""


_WHY = {
    errno.ENOSPC: "the disk is full. Free some room there",
    errno.EDQUOT: "the quota of this user is used up. Free some room there",
    errno.EROFS: "it is mounted read-only. Mount it for writing, or name another folder in "
    "ATELIER_DATA",
    errno.EACCES: "this user may not write there. Name another folder in ATELIER_DATA",
    errno.EPERM: "its file system does not let owners and modes be set. Name a folder on a "
    "Linux file system in ATELIER_DATA",
    errno.ENOTDIR: "part of that path is a file. Name another folder in ATELIER_DATA",
    errno.EEXIST: "a file of that name is there. Name another folder in ATELIER_DATA",
    errno.ELOOP: "its links lead in a circle. Name another folder in ATELIER_DATA",
    errno.ENAMETOOLONG: "a name in it is too long. Name another folder in ATELIER_DATA",
}


@contextmanager
def worded(data: Path) -> Iterator[None]:
    """The file system's own refusals as one sentence each; what nobody expects stays as it is."""
    try:
        yield
    except OSError as error:
        why = _WHY.get(error.errno or 0)
        if why is None:
            raise
        raise Trouble(f"Cannot use {error.filename or data}: {why}.") from error
