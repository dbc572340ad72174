"""Files and folders as one zip, written while it is sent: all of them, or visibly broken."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

import home
import names

CHUNK = 1 << 18


class Chunked:
    """Towards the browser in chunks (RFC 9112 §7.1): without the last one, it knows that there is
    more. Cannot seek, but says how far it is, which is what zipfile needs."""

    def __init__(self, to: BinaryIO, *, chunked: bool = True) -> None:
        self._to, self._chunked, self._at = to, chunked, 0
        self._waiting = bytearray()
        self.dead = False  # what zipfile writes when it is closed early goes nowhere

    def write(self, data: bytes) -> int:
        if not self.dead:
            self._waiting += data
            if len(self._waiting) >= CHUNK:
                self.flush()
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        if self._waiting and not self.dead:
            head, tail = (b"%x\r\n" % len(self._waiting), b"\r\n") if self._chunked else (b"", b"")
            self._to.write(head + bytes(self._waiting) + tail)
        self._waiting.clear()

    def end(self) -> None:
        self.flush()
        if self._chunked:
            self._to.write(b"0\r\n\r\n")


def check(paths: list[Path]) -> None:
    """Raises:
    home.Refused, OSError: one of them is not there, or may not be read.
    """
    for path in paths:
        for _each in _below(path, strict=False):
            pass


def write(to: Chunked, paths: list[Path]) -> None:
    """Stored, not packed: pictures and models are packed already.

    Raises:
        home.Refused, home.Changed, OSError: it is not whole, and has no end.
    """
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED, strict_timestamps=False) as made:  # type: ignore[call-overload]
        try:
            taken: set[str] = set()
            for path in paths:
                for file, is_folder in _below(path, strict=True):
                    # Each name by itself: one folder's may be in another encoding than a file's.
                    parts = map(names.readable, file.relative_to(path.parent).parts)
                    name = _free("/".join(parts), taken)
                    taken.add(name)
                    if is_folder:
                        made.writestr(zipfile.ZipInfo(f"{name}/", _BEGINNING), b"")
                        continue
                    with home.opened(file) as source:
                        _add(made, to, source, name)
        except BaseException:
            to.dead = True  # before zipfile writes its directory, as if that were all
            raise
    to.end()


_BEGINNING = (1980, 1, 1, 0, 0, 0)


def _below(path: Path, *, strict: bool) -> Iterator[tuple[Path, bool]]:
    """Every file that lies there, and every empty folder (True).

    Links are followed as long as they stay in the home. Pipes, sockets and devices hold nothing.
    `strict`: what is listed and then gone is an error, for it may have been moved elsewhere.
    """
    waiting = [path]
    entered: set[tuple[int, int]] = set()  # each folder once, however many links lead to it
    path.lstat()
    while waiting:
        at = waiting.pop()
        try:
            about = at.stat() if _stays(at) else None
        except FileNotFoundError:
            if strict:
                raise
            continue
        if about is None:
            if at == path:
                raise home.missing(at)
            continue
        own = about.st_dev, about.st_ino
        if stat.S_ISREG(about.st_mode):
            if not os.access(at, os.R_OK):
                raise PermissionError(13, "may not be read")
            yield at, False
        elif stat.S_ISDIR(about.st_mode) and own not in entered:
            entered.add(own)
            below = sorted(at.iterdir(), reverse=True)
            waiting += below
            if not below:
                yield at, True


def _stays(path: Path) -> bool:
    """No link, or one to something that is there and in the home."""
    if not path.is_symlink():
        return True
    return path.exists() and home.holds(path)


def _free(name: str, taken: set[str]) -> str:
    """Two folders may each hold an "a.png": the second becomes "a (2).png"."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - also of a path
    number = 1
    while name in taken:
        number += 1
        name = f"{stem} ({number}){ending}"
    return name


def _add(made: zipfile.ZipFile, to: Chunked, source: IO[bytes], name: str) -> None:
    about = os.fstat(source.fileno())
    item = zipfile.ZipInfo(name, _BEGINNING)
    with suppress(ValueError, OverflowError, OSError):  # a year that no calendar has
        item = zipfile.ZipInfo.from_file(
            f"/proc/self/fd/{source.fileno()}", name, strict_timestamps=False
        )
    item.file_size = about.st_size
    with made.open(item, "w", force_zip64=about.st_size > 1 << 31) as target:
        try:
            left = about.st_size
            while left and (piece := source.read(min(CHUNK, left))):
                target.write(piece)
                left -= len(piece)
            home.unchanged(source, about)
        except BaseException:
            to.dead = True  # before zipfile writes that all is well
            raise
