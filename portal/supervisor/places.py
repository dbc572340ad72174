"""Where everything of one copy lies, and on which ports it answers."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from portal.supervisor.person import Person

ROOT = Path(__file__).resolve().parents[2]
# A Unix socket's path has 107 bytes, and PostgreSQL appends `/.s.PGSQL.5432` to the folder.
LONGEST_FOLDER = 93


class Trouble(Exception):
    """Something to tell people in one or a few lines; the platform does not start."""


@dataclass(frozen=True)
class Places:
    data: Path
    port: int
    gateway_port: int
    person: Person
    root: Path = ROOT

    @property
    def python(self) -> Path:
        return Path(sys.executable)

    @property
    def ledger(self) -> Path:
        return self.data / "supervisor.json"

    @property
    def lock(self) -> Path:
        return self.data / "supervisor.lock"

    @property
    def pg(self) -> Path:
        return self.data / "pg"

    @property
    def run(self) -> Path:
        """The folder of the Unix sockets; moved to /tmp where its path would be too long."""
        folder = self.data / "run"
        if len(os.fsencode(folder)) <= LONGEST_FOLDER:
            return folder
        mark = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path(f"/tmp/atelier-{os.geteuid()}-{mark}")  # noqa: S108 (checked when made)

    def log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def bytecode(self, *, dropped: bool) -> Path:
        """Root must not run what the service user may write, so each has its own."""
        return self.data / "bytecode" / (self.person.name if dropped else "own")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


def read(person: Person) -> Places:
    """From the environment; the same variables as portal/environment.py."""
    data = Path(os.environ.get("ATELIER_DATA") or ROOT / ".data").absolute().resolve()
    port = _port("ATELIER_PORT", 8000)
    gateway_port = _port("ATELIER_GATEWAY_PORT", 8001)
    if port == gateway_port:
        raise Trouble(f"ATELIER_PORT and ATELIER_GATEWAY_PORT are both {port}.")
    return Places(data, port, gateway_port, person)


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Trouble(f"{name}={text} is not a port; a number from 1 to 65535 is.")
    return int(text)


def make(places: Places) -> None:
    """Folders and keys. The data folder is ours; nothing above it is touched."""
    person = places.person
    try:
        places.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(f"Cannot make the data folder {places.data}: {error.strerror}.") from None
    _own(places.data, 0, person.gid, 0o750 if person.dropped else 0o700)
    for name in ("logs", "keys", "ready", "static", "bytecode"):
        (places.data / name).mkdir(exist_ok=True)
        _own(places.data / name, 0, person.gid, 0o750)
    for folder in (places.run, places.bytecode(dropped=True)):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), person.uid):
            raise Trouble(f"{folder} belongs to somebody else; remove it and try again.")
        _own(folder, person.uid, person.gid, 0o700)
    pointer = places.data / "run-dir"
    if places.run != places.data / "run":
        pointer.write_text(f"{places.run}\n")
    else:
        pointer.unlink(missing_ok=True)
    for name in ("secret-key", "gateway-key"):
        _key(places.data / "keys" / name, person)


def _own(path: Path, uid: int, gid: int, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, uid, gid)
    path.chmod(mode)


def _key(path: Path, person: Person) -> None:
    if not path.exists() or not path.read_text().strip():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48) + "\n")
        fresh.replace(path)
    _own(path, 0, person.gid, 0o640)
