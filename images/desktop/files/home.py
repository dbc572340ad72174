"""What can be done with the files of a home. Every path is one below it, whatever it says."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import zipfile
import zlib
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, BinaryIO

HOME = Path(os.environ.get("HOME", "/home/desk")).resolve()
OUTPUTS = HOME / "Outputs"
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"}
ENTRIES_MOST = 5000  # of one folder; more are counted, not listed
PARAMETERS_MOST = 1 << 20


class Refused(Exception):
    """`code` is a word of the page."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


def inside(text: str) -> Path:
    """A path of the home. Links are followed as long as they stay there. Refused."""
    if "\0" in text:
        raise Refused(HTTPStatus.BAD_REQUEST, "name", text)
    path = HOME / text.lstrip("/")
    # The last part may be a link that leads elsewhere: that one can be deleted, not read.
    parent = path.parent.resolve() if text.strip("/") else HOME
    if ".." in path.parts or not (parent == HOME or HOME in parent.parents):
        raise Refused(HTTPStatus.NOT_FOUND, "missing", text)
    return parent / path.name if text.strip("/") else HOME


def opened(path: Path) -> IO[bytes]:
    """For reading: a regular file that really lies in the home. Refused, OSError."""
    real = path.resolve()
    if HOME not in real.parents:
        raise Refused(HTTPStatus.NOT_FOUND, "missing", path.name)
    file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not os.path.isfile(f"/proc/self/fd/{file}"):  # noqa: PTH113 - a pipe, a device
        os.close(file)
        raise Refused(HTTPStatus.NOT_FOUND, "missing", path.name)
    return os.fdopen(file, "rb")


def name_of(path: Path) -> str:
    """As the page names it: below the home, with slashes."""
    return path.relative_to(HOME).as_posix() if path != HOME else ""


def listing(text: str, *, hidden: bool) -> dict[str, Any]:
    folder = inside(text)
    if folder != HOME and HOME not in folder.resolve().parents:
        raise Refused(HTTPStatus.NOT_FOUND, "missing", text)
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
    about = entry.stat()
    return {
        "name": entry.name,
        "kind": "folder" if entry.is_dir() else "file",
        "size_bytes": about.st_size,
        "modified_s": about.st_mtime,
        "picture": Path(entry.name).suffix.lower() in PICTURES,
    }


def pictures(first: int, count: int) -> dict[str, Any]:
    """Everything painted, the newest first; previews that WebUIs keep for themselves left out."""
    found: list[tuple[float, int, str]] = []
    for folder, names, files in os.walk(OUTPUTS):
        names[:] = [name for name in names if name != "thumbnails" and not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in PICTURES and not name.startswith("."):
                path = Path(folder, name)
                with suppress(OSError):
                    about = path.stat()
                    found.append((about.st_mtime, about.st_size, name_of(path)))
    found.sort(reverse=True)
    page = [
        {"path": path, "size_bytes": size, "modified_s": at}
        for at, size, path in found[first : first + count]
    ]
    return {"pictures": page, "total": len(found)}


def parameters(text: str) -> str:
    """The `parameters` text of a PNG (https://www.w3.org/TR/png-3/#11textinfo); else empty."""
    with opened(inside(text)) as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return ""
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (b"tEXt", b"iTXt", b"zTXt") and length < PARAMETERS_MOST:
                said = _text(kind, file.read(length))
                if said:
                    return said
                file.seek(4, os.SEEK_CUR)
            elif kind in (b"IDAT", b"IEND"):
                return ""
            else:
                file.seek(length + 4, os.SEEK_CUR)
    return ""


def _text(kind: bytes, data: bytes) -> str:
    key, _, rest = data.partition(b"\0")
    if key not in (b"parameters", b"invokeai_metadata", b"prompt"):
        return ""
    if kind == b"tEXt":
        return rest.decode("latin-1")
    packed = kind == b"zTXt" or rest[:1] == b"\1"
    rest = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest[1:]
    try:
        raw = zlib.decompressobj().decompress(rest, PARAMETERS_MOST) if packed else rest
    except zlib.error:
        return ""
    return raw.decode("utf-8", "replace")


class Upload:
    """A file that comes in pieces, under another name until it is whole."""

    def __init__(self, text: str, size: int) -> None:
        self.path, self.size = inside(text), size
        if not text.strip("/") or not 0 <= size < 1 << 42:
            raise Refused(HTTPStatus.BAD_REQUEST, "name", text)
        self._part = self.path.with_name(f".{self.path.name}.{size}.part")

    def there(self) -> int:
        """How many bytes of it have come."""
        with suppress(FileNotFoundError):
            return self._part.lstat().st_size
        return 0

    def take(self, offset: int, source: BinaryIO, length: int) -> int:
        """The next piece; answers how many bytes are there now. Refused, OSError."""
        there = self.there()
        if offset != there or offset + length > self.size:
            raise Refused(HTTPStatus.CONFLICT, "offset", str(there))
        if self.path.is_dir():
            raise Refused(HTTPStatus.CONFLICT, "exists", self.path.name)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._part, flags, 0o660), "ab") as file:
            while length and (piece := source.read(min(length, 1 << 18))):
                file.write(piece)
                length -= len(piece)
        if length:
            raise Refused(HTTPStatus.BAD_REQUEST, "cut")
        there = self.there()
        if there == self.size:
            self._part.replace(self.path)
        return there


def make_folder(text: str) -> None:
    try:
        inside(text).mkdir()
    except FileExistsError as error:
        raise Refused(HTTPStatus.CONFLICT, "exists", text) from error


def rename(text: str, name: str) -> None:
    path = _theirs(text)
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise Refused(HTTPStatus.BAD_REQUEST, "name", name)
    target = path.with_name(name)
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


class _Counted:
    """A stream that cannot seek, but knows how far it is: what zipfile needs to write into one."""

    def __init__(self, to: BinaryIO) -> None:
        self._to, self._at = to, 0

    def write(self, data: bytes) -> int:
        self._to.write(data)
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        self._to.flush()


def zip_to(to: BinaryIO, paths: list[Path]) -> None:
    """Stored, not packed: pictures and models are packed already."""
    with zipfile.ZipFile(_Counted(to), "w", zipfile.ZIP_STORED, strict_timestamps=False) as made:  # type: ignore[arg-type]
        for path in paths:
            below = [path]
            if path.is_dir():
                below = [
                    Path(at, name) for at, _, names in os.walk(path) for name in sorted(names)
                ]
            for file in below:
                with suppress(Refused, OSError), opened(file) as source:
                    _add(made, source, file.relative_to(path.parent).as_posix())


def _add(made: zipfile.ZipFile, source: IO[bytes], name: str) -> None:
    about = os.fstat(source.fileno())
    item = zipfile.ZipInfo.from_file(
        f"/proc/self/fd/{source.fileno()}", name, strict_timestamps=False
    )
    item.file_size = about.st_size
    with made.open(item, "w", force_zip64=about.st_size > 1 << 31) as target:
        shutil.copyfileobj(source, target, 1 << 18)


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
