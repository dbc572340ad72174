"""Source trees of WebUIs: given by whoever builds, checked against what the setup names.

A tree is known by its Git tree id (SHA-1 over names, modes and contents, as
https://git-scm.com/docs/gitdatamodel has it), so a checkout, an archive and a copy of it are the
same thing, and nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Never part of a tree: Git's own, and what running it leaves behind.
_NOT_OURS = {".git", "__pycache__"}


class SourceRefused(Exception):
    """It is missing, cannot be read, or is not what the setup names."""


@dataclass(frozen=True)
class Source:
    name: str
    tree: str  # Git tree id, 40 hex
    commit: str = ""
    url: str = ""
    licence: str = ""


def of(said: Mapping[str, Any]) -> Source:
    return Source(**{key: str(value) for key, value in said.items()})


def place(source: Source, given: Path | None, target: Path) -> None:
    """Copy the given tree to `target`, if it is the one that is meant. SourceRefused."""
    if given is None or not given.exists():
        what = f"{given} does not exist" if given else "no source was given"
        raise SourceRefused(
            f"{source.name}: {what}. Get {source.url or 'it'} at commit {source.commit or '?'}"
            " and name the folder or archive with --source."
        )
    with _opened(given, source) as folder:
        found = tree_id(folder)
        if found != source.tree:
            raise SourceRefused(
                f"{source.name}: {given} is the tree {found}, but the setup names {source.tree}"
                f" (commit {source.commit or '?'}). Nothing of it was used."
            )
        draft = target.with_name(target.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, draft, symlinks=True, ignore=_left_out)
        draft.rename(target)


def tree_id(folder: Path) -> str:
    """Its Git tree id, in hexadecimal."""
    return _tree(folder).hex()


def _tree(folder: Path) -> bytes:
    entries = []
    for entry in os.scandir(folder):
        if entry.name in _NOT_OURS:
            continue
        path, name = Path(entry.path), os.fsencode(entry.name)
        if entry.is_symlink():
            entries.append((name, b"120000", _object(b"blob", os.fsencode(path.readlink()))))
        elif entry.is_dir():
            if any(child.name not in _NOT_OURS for child in os.scandir(path)):
                entries.append((name + b"/", b"40000", _tree(path)))
        else:
            mode = b"100755" if entry.stat().st_mode & 0o100 else b"100644"
            entries.append((name, mode, _object(b"blob", path.read_bytes())))
    entries.sort()  # Git compares folders as if their names ended with a slash
    body = b"".join(mode + b" " + name.rstrip(b"/") + b"\0" + id for name, mode, id in entries)
    return _object(b"tree", body)


def _object(kind: bytes, body: bytes) -> bytes:
    return hashlib.sha1(b"%b %d\0%b" % (kind, len(body), body), usedforsecurity=False).digest()


@contextmanager
def _opened(given: Path, source: Source) -> Iterator[Path]:
    """The folder itself; or an archive unpacked, without the one folder that holds it all."""
    if given.is_dir():
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="source-") as place:
        try:
            if zipfile.is_zipfile(given):
                with zipfile.ZipFile(given) as archive:
                    _unzip(archive, Path(place))
            else:
                with tarfile.open(given) as archive:
                    _untar(archive, Path(place))
        except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise SourceRefused(f"{source.name}: {given} cannot be unpacked: {error}") from error
        inside = list(Path(place).iterdir())
        yield inside[0] if len(inside) == 1 and inside[0].is_dir() else Path(place)


def _untar(archive: tarfile.TarFile, place: Path) -> None:
    """Files, folders and links that stay inside; the oldest Python we run on has no filter yet."""
    for item in archive.getmembers():
        inside = [Path(item.name)]
        if item.issym():
            inside.append(Path(item.name).parent / item.linkname)
        elif item.islnk():
            inside.append(Path(item.linkname))
        elif not (item.isreg() or item.isdir()):
            raise tarfile.TarError(f"{item.name} is neither a file nor a folder")
        for path in inside:
            if path.is_absolute() or os.path.normpath(path).split("/")[0] == "..":
                raise tarfile.TarError(f"{item.name} leads out of the archive")
    archive.extractall(place)  # noqa: S202 - every member was looked at


def _unzip(archive: zipfile.ZipFile, place: Path) -> None:
    """With the modes and links that `extractall` leaves out."""
    for item in archive.infolist():
        path = Path(archive.extract(item, place))
        mode = item.external_attr >> 16
        if mode & 0o170000 == 0o120000:
            link = path.read_text()
            path.unlink()
            if link.startswith("/") or ".." in Path(link).parts:
                raise zipfile.BadZipFile(f"{item.filename} leads out of the archive")
            path.symlink_to(link)
        elif mode & 0o100:
            path.chmod(0o755)


def _left_out(_folder: str, names: list[str]) -> set[str]:
    return _NOT_OURS & set(names)
