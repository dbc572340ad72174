"""Source trees of WebUIs: given by whoever builds, checked against what the setup names.

A tree is known by its Git tree id (SHA-1 over names, modes and contents, as
https://git-scm.com/docs/gitdatamodel has it), so a checkout, an archive and a copy of it are the
same thing, and nothing is ever fetched. Where only a commit is known, the commit itself has to be
there as well (a checkout has it): it names its tree, and its own id covers that name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

COMMIT = ".git-commit"  # the commit's own text, beside a copied tree that is known by it alone
# Never part of a tree: Git's own, and what running it leaves behind.
_NOT_OURS = {".git", "__pycache__", COMMIT}
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".zip")


class SourceRefused(Exception):
    """It is missing, cannot be read, or is not what the setup names."""


@dataclass(frozen=True)
class Source:
    name: str
    tree: str = ""  # Git tree id, 40 hex
    commit: str = ""  # one of the two at least
    url: str = ""
    licence: str = ""
    path: str = ""  # of a part: where it lies within the tree that it belongs to


def of(said: Mapping[str, Any]) -> Source:
    known = {field.name for field in fields(Source)}
    return Source(**{key: str(value) for key, value in said.items() if key in known and value})


def place(source: Source, given: Path | None, target: Path, parts: Sequence[Source] = ()) -> None:
    """Copy the given tree to `target`, if it and its parts are what is meant. SourceRefused."""
    if given is None or not given.exists():
        what = f"{given} does not exist" if given else "no source was given"
        wanted = "".join(f" In it, at {part.path}: {_where(part)}." for part in parts)
        raise SourceRefused(
            f"{source.name}: {what}. Get {_where(source)} and name the folder or archive with"
            f" --source.{wanted}"
        )
    with _opened(given, source) as folder:
        apart = frozenset(part.path for part in parts)
        commits = {"": _check(source, folder, given, apart)}
        for part in parts:
            if not (folder / part.path).is_dir():
                raise SourceRefused(
                    f"{source.name}: {given} has no {part.path}. Get {_where(part)} and put it"
                    " there."
                )
            commits[part.path] = _check(part, folder / part.path, given)
        draft = target.with_name(target.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, draft, symlinks=True, ignore=_left_out)
        for path, commit in commits.items():
            if commit:
                (draft / path / COMMIT).write_bytes(commit)
        draft.rename(target)


def place_each(wanted: Sequence[Source], given: Path | None, target: Path) -> None:
    """Copy each of these from the folder or archive of its name in `given`. SourceRefused."""
    for source in wanted:
        names = [source.name, *(source.name + ending for ending in ARCHIVES)]
        found = [given / name for name in names if (given / name).exists()] if given else []
        if not found:
            what = f"is not in {given}" if given else "was not given"
            raise SourceRefused(
                f"{source.name}: the extension {what}. Get {_where(source)}, as {source.name} in a"
                " folder, and name that folder with --extensions."
            )
        target.mkdir(parents=True, exist_ok=True)
        place(source, found[0], target / source.name)


def _where(source: Source) -> str:
    return f"{source.url or source.name} at commit {source.commit or '?'}"


def _check(
    source: Source, folder: Path, given: Path, apart: frozenset[str] = frozenset()
) -> bytes:
    """The commit's text, if it took that to know the tree. SourceRefused."""
    commit = b"" if source.tree else _commit(source, folder, given)
    meant = source.tree or commit.partition(b"\n")[0].removeprefix(b"tree ").decode()
    found = tree_id(folder, apart)
    if found != meant:
        raise SourceRefused(
            f"{source.name}: {given} is the tree {found}, but the setup names {meant}"
            f" (commit {source.commit or '?'}). Nothing of it was used."
        )
    return commit


def _commit(source: Source, folder: Path, given: Path) -> bytes:
    """The text of the commit that is meant, from the checkout or from beside a copy of it."""
    text = b""
    if (folder / COMMIT).is_file():
        text = (folder / COMMIT).read_bytes()
    elif (folder / ".git").exists() and shutil.which("git"):
        # Whoever builds may not be who cloned it.
        git = ["git", "-c", "safe.directory=*", "-C", str(folder)]
        done = subprocess.run(
            [*git, "cat-file", "commit", source.commit], capture_output=True, check=False
        )
        text = done.stdout
    if _object(b"commit", text).hex() != source.commit:
        raise SourceRefused(
            f"{source.name}: {given} has to be a Git checkout with the commit {source.commit};"
            " an archive does not say which commit it is."
        )
    return text


def tree_id(folder: Path, apart: frozenset[str] = frozenset()) -> str:
    """Its Git tree id, in hexadecimal, without the folders that are `apart`: paths within it."""
    entries = _entries(folder, "", apart)
    return _object(b"tree", entries).hex()


def _entries(folder: Path, inside: str, apart: frozenset[str]) -> bytes:
    found = []
    for entry in os.scandir(folder):
        where = f"{inside}{entry.name}"
        if entry.name in _NOT_OURS or where in apart:
            continue
        path, name = Path(entry.path), os.fsencode(entry.name)
        if entry.is_symlink():
            found.append((name, b"120000", _object(b"blob", os.fsencode(path.readlink()))))
        elif entry.is_dir():
            if within := _entries(path, f"{where}/", apart):  # Git knows no empty folder
                found.append((name + b"/", b"40000", _object(b"tree", within)))
        else:
            mode = b"100755" if entry.stat().st_mode & 0o100 else b"100644"
            found.append((name, mode, _object(b"blob", path.read_bytes())))
    found.sort()  # Git compares folders as if their names ended with a slash
    return b"".join(mode + b" " + name.rstrip(b"/") + b"\0" + id for name, mode, id in found)


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
