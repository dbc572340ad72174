"""Files on their way in: in pieces, whole before anybody sees them, never two spliced into one.

Whoever wants to go on later says a `key` for the file, and with each piece the SHA-256 of that
piece and the chain over all that comes before it: over each block of 8 MiB in turn,
chain = SHA-256(chain + SHA-256(block)), beginning with nothing; the last block may be shorter.
Only where the part on the disk has the very chain does a piece come behind it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import home
from bodies import Body
from home import Refused

BLOCK = 8 << 20
CHUNK = 1 << 18
SIZE_MOST = 1 << 42
LOCK_WITHIN_S, LOCK_AGAIN_S = 5.0, 0.05
# A part of the same name that nobody has added to for so long; one of any name.
LEFT_ALONE_S, FORGOTTEN_S = 600.0, 7 * 86400.0
_KEY = re.compile(r"[A-Za-z0-9_-]{0,128}")
_PART = re.compile(r"\.upload-([0-9a-f]{16})-[0-9a-f]{16}\.part")
_KEPT_MOST = 256


@dataclass
class _Known:
    """The chain over a part's whole blocks, as long as nobody else has written to it."""

    inode: int
    modified_ns: int
    blocks: int
    chain: bytes


@dataclass(frozen=True)
class _Finished:
    key: str
    inode: int
    modified_ns: int
    chain: str


_known: dict[Path, _Known] = {}
_finished: dict[Path, _Finished] = {}


class Upload:
    """One file that comes in. `key`: tells it from others of its name; without one it comes in a
    single piece, for nobody could say that the next belongs to it."""

    def __init__(self, text: str, size: int, key: str = "") -> None:
        self.path, self.size, self.key = home.inside(text), size, key
        if not text.strip("/") or not 0 <= size < SIZE_MOST or not _KEY.fullmatch(key):
            raise Refused(HTTPStatus.BAD_REQUEST, "name", text)
        with suppress(FileNotFoundError):
            self.path.lstat()  # a name too long is said now, not after gigabytes
        self._of_name = _short(os.fsencode(self.path.name))
        own = key or os.urandom(16).hex()
        mark = _short(f"{size} {own}".encode())
        self._part = self.path.with_name(f".upload-{self._of_name}-{mark}.part")

    def there(self) -> dict[str, Any]:
        """How many bytes have come, and their chain. `other`: of another file of this name."""
        if not self.key:
            return {"there": 0, "digest": "", "done": False, "other": False}
        if (last := _finished.get(self.path)) and last.key == self.key:
            with suppress(FileNotFoundError):
                about = self.path.lstat()
                if (about.st_ino, about.st_mtime_ns) == (last.inode, last.modified_ns):
                    return {"there": self.size, "digest": last.chain, "done": True, "other": False}
        there, digest = 0, ""
        with suppress(FileNotFoundError), self._opened(os.O_RDONLY) as file:
            there = os.fstat(file.fileno()).st_size
            digest = self._chain(file, there).hex()
        ours = f".upload-{self._of_name}-"
        parts = (part for part, _age_s in self._parts() if part.name.startswith(ours))
        other = not there and any(part != self._part for part in parts)
        return {"there": there, "digest": digest, "done": False, "other": other}

    def take(self, body: Body, offset: int, before: str, digest: str, *, fresh: bool) -> int:
        """The next piece; answers how many bytes are there now. `fresh`: what is there goes.

        Raises:
            Refused, OSError: nothing of this piece was kept, or (`cut`) only its beginning.
        """
        length = body.length()
        if offset < 0 or offset + length > self.size:
            raise Refused(HTTPStatus.CONFLICT, "offset", "0")
        if self.path.is_dir():
            raise Refused(HTTPStatus.CONFLICT, "exists")
        if not self.key and (offset or length != self.size):
            raise Refused(HTTPStatus.CONFLICT, "key")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not offset:
            self._clear()
        with self._opened(os.O_RDWR | os.O_CREAT) as file:
            try:
                self._follows(file, offset, before, fresh=fresh)
                self._append(file, body, digest)
                return self._end(file)
            except BaseException:
                if not self.key or not os.fstat(file.fileno()).st_size:
                    self._part.unlink(missing_ok=True)
                raise

    def _follows(self, file: IO[bytes], offset: int, before: str, *, fresh: bool) -> None:
        """The piece belongs behind what is there. Refused."""
        if fresh and not offset:
            file.truncate(0)
        there = os.fstat(file.fileno()).st_size
        if there != offset:
            raise Refused(HTTPStatus.CONFLICT, "offset", str(there))
        if self._chain(file, there).hex() != before:
            raise Refused(HTTPStatus.CONFLICT, "other", str(there))

    def _append(self, file: IO[bytes], body: Body, digest: str) -> None:
        begin = file.seek(0, os.SEEK_END)
        summed = hashlib.sha256()
        while body.left and (piece := body.read(CHUNK)):
            summed.update(piece)
            file.write(piece)
        file.flush()
        self._remember(file)
        if body.left:
            raise Refused(HTTPStatus.BAD_REQUEST, "cut")
        if self.key and summed.hexdigest() != digest:
            file.truncate(begin)
            self._remember(file)
            raise Refused(HTTPStatus.CONFLICT, "digest")

    def _end(self, file: IO[bytes]) -> int:
        about = os.fstat(file.fileno())
        if about.st_size == self.size:
            if self.key:
                chain = self._chain(file, self.size).hex()
                _kept(_finished, self.path)
                _finished[self.path] = _Finished(self.key, about.st_ino, about.st_mtime_ns, chain)
            self._part.replace(self.path)
            _known.pop(self._part, None)
        return about.st_size

    # --- The part on the disk -------------------------------------------------------------------

    @contextmanager
    def _opened(self, flags: int) -> Iterator[IO[bytes]]:
        """The part, for this request alone. Refused, OSError."""
        until_s = time.monotonic() + LOCK_WITHIN_S
        while True:
            file = _regular(self._part, flags)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same(file, self._part):
                    break
                file.close()  # it was finished or thrown away meanwhile
            except BlockingIOError:
                file.close()
                if time.monotonic() > until_s:
                    raise Refused(HTTPStatus.CONFLICT, "busy") from None
                time.sleep(LOCK_AGAIN_S)
        with file:
            yield file

    def _chain(self, file: IO[bytes], length: int) -> bytes:
        about = os.fstat(file.fileno())
        known = _known.get(self._part)
        blocks, chain = 0, b""
        state = about.st_ino, about.st_mtime_ns
        if known and (known.inode, known.modified_ns) == state and known.blocks * BLOCK <= length:
            blocks, chain = known.blocks, known.chain
        else:
            _known.pop(self._part, None)
        file.seek(blocks * BLOCK)
        while (at := blocks * BLOCK) < length:
            chained = _link(chain, file, min(BLOCK, length - at))
            if length - at < BLOCK:
                return chained
            blocks, chain = blocks + 1, chained
            _kept(_known, self._part)
            _known[self._part] = _Known(about.st_ino, about.st_mtime_ns, blocks, chain)
        return chain

    def _remember(self, file: IO[bytes]) -> None:
        """What was written just now was ours: the chain up to it still holds."""
        if known := _known.get(self._part):
            known.modified_ns = os.fstat(file.fileno()).st_mtime_ns

    def _parts(self) -> Iterator[tuple[Path, float]]:
        """Parts of this name, and forgotten ones, with how long nobody has added to them."""
        with suppress(FileNotFoundError), os.scandir(self.path.parent) as entries:
            for entry in entries:
                if (found := _PART.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
                        if found[1] == self._of_name or age_s > FORGOTTEN_S:
                            yield Path(entry.path), age_s

    def _clear(self) -> None:
        """Parts that nobody will go on with."""
        for part, age_s in self._parts():
            if part == self._part or age_s <= LEFT_ALONE_S:
                continue
            with suppress(OSError, Refused), _regular(part, os.O_RDWR) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not while somebody is at it
                part.unlink(missing_ok=True)
                _known.pop(part, None)


def _short(said: bytes) -> str:
    """A name for it that is short however long it is."""
    return hashlib.sha256(said).hexdigest()[:16]


def _regular(path: Path, flags: int) -> IO[bytes]:
    """No link, no pipe, nothing that could hang. Refused, OSError."""
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o660)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Refused(HTTPStatus.CONFLICT, "exists")
    return os.fdopen(file, "r+b" if flags & os.O_RDWR else "rb")


def _same(file: IO[bytes], path: Path) -> bool:
    held = os.fstat(file.fileno())
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)


def _link(chain: bytes, file: IO[bytes], length: int) -> bytes:
    summed = hashlib.sha256()
    while length and (piece := file.read(min(CHUNK, length))):
        summed.update(piece)
        length -= len(piece)
    return hashlib.sha256(chain + summed.digest()).digest()


def _kept(known: dict[Path, Any], key: Path) -> None:
    """Room for one more."""
    while key not in known and len(known) >= _KEPT_MOST:
        known.pop(next(iter(known)), None)
