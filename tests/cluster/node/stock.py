"""Unpacked images, kept in the user's cache folder: unpacking a desktop takes as long as all else.

A world's containerd begins with hard links to them. Nobody writes into an unpacked layer; only the
databases beside them are copied.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import build

if TYPE_CHECKING:
    from tests.cluster.node.runtime import Runtime


def _folder() -> Path:
    return build.cache() / "node"


def place(world: str) -> Path:
    """Where the containerd of this world keeps its own: beside the stock, for the links' sake."""
    return _folder() / world


def furnish(runtime: Runtime, archives: Sequence[Path]) -> None:
    """Before it starts: these images, unpacked now or by an earlier run."""
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it when we die
        kept = _folder() / f"unpacked-{_key(archives)}"
        if not kept.exists():
            _unpack(runtime, archives)
            for old in _folder().glob("unpacked-*"):
                shutil.rmtree(old)
            runtime.root.rename(kept)
        subprocess.run(["cp", "--archive", "--link", kept, runtime.root], check=True)
    for database in runtime.root.rglob("*.db"):
        copy = database.with_suffix(".copy")
        shutil.copyfile(database, copy)
        copy.rename(database)


def _unpack(runtime: Runtime, archives: Sequence[Path]) -> None:
    shutil.rmtree(runtime.root, ignore_errors=True)
    process = runtime.start()
    try:
        for archive in archives:
            runtime.bring(archive)
    finally:
        process.stop()


def _key(archives: Sequence[Path]) -> str:
    """By content; the large ones are named by it already (images/build.py)."""
    digest = hashlib.sha256()
    for path in archives:
        small = path.stat().st_size < 2**24
        digest.update(path.read_bytes() if small else path.name.encode())
    return digest.hexdigest()[:16]
