"""Where everything of one copy lies, and on which ports it answers."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from portal.supervisor import runtime
from portal.supervisor.person import Person, name_of
from portal.supervisor.problems import Trouble, worded

ROOT = Path(__file__).resolve().parents[2]
# Further folders that whoever starts this may name: the catalogue is read from the one, and
# whether a setup is prepared is seen in the other.
FURTHER = ("ATELIER_SETUPS_FOLDER", "ATELIER_LOCAL_SETUPS")
# With what follows for one desktop's stream, its place in the database takes 255 characters.
LONGEST_DATA_BYTES = 180
# What a new database takes at its first start; and what one that is there needs to go on.
NEW_NEEDS_MIB, OLD_NEEDS_MIB = 200, 16
# What lies in a data folder, of which one is enough to know it by.
KNOWN = {"supervisor.lock", "supervisor.json", "logs", "keys", "pg", "desktops", "setups"}
# What a new disk, or a look at a folder, leaves there.
NOBODYS = {"lost+found", ".Trash-0", ".DS_Store"}


@dataclass(frozen=True)
class Places:
    data: Path
    port: int
    gateway_port: int
    person: Person
    root: Path = ROOT
    made_run: Path | None = None  # where the sockets of a platform are that runs already

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
        """The folder of the Unix sockets."""
        return self.made_run or runtime.folder(self.data)

    @property
    def pointer(self) -> Path:
        """Says where that is; whoever reads it (portal/environment.py) need not know the rule."""
        return self.data / "run-dir"

    @property
    def needed(self) -> list[Path]:
        """What the service user has to reach beside the checkout."""
        named = [os.environ.get(name) or "" for name in FURTHER]
        further = [Path(name).absolute() for name in named if name and Path(name).is_dir()]
        return [self.data, self.run, *further]

    def log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def bytecode(self, *, dropped: bool) -> Path:
        """Root must not run what the service user may write, so each has its own."""
        return self.data / "bytecode" / (self.person.name if dropped else "own")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


def read(person: Person) -> Places:
    """From the environment; the same variables as portal/environment.py. Trouble."""
    given = Path(os.environ.get("ATELIER_DATA") or ROOT / ".data").absolute()
    try:
        data = given.resolve()
    except (OSError, RuntimeError):  # RuntimeError: before Python 3.13, for links in a circle
        raise Trouble(f"Cannot use {given}: its links lead in a circle.") from None
    _check_path(data)
    port = _port("ATELIER_PORT", 8000)
    gateway_port = _port("ATELIER_GATEWAY_PORT", 8001)
    if port == gateway_port:
        raise Trouble(f"ATELIER_PORT and ATELIER_GATEWAY_PORT are both {port}.")
    return Places(data, port, gateway_port, person)


def _check_path(data: Path) -> None:
    """A path that is written to files, to the database and to the terminal, and read back."""
    path = os.fsencode(data)
    if len(path) > LONGEST_DATA_BYTES:
        raise Trouble(
            f"The path of the data folder is {len(path)} bytes long, and may be "
            f"{LONGEST_DATA_BYTES}: {data}. Name a shorter one in ATELIER_DATA."
        )
    try:
        plain = path.decode().isprintable()
    except UnicodeDecodeError:
        plain = False
    if not plain:
        raise Trouble(
            f"The path of the data folder has characters that cannot be printed: {path!r}. "
            "Name another one in ATELIER_DATA."
        )


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Trouble(f"{name}={text} is not a port; a number from 1 to 65535 is.")
    return int(text)


def claim(places: Places) -> None:
    """The data folder is there, ours, and has room. Trouble, before anything is half made."""
    data = places.data
    with worded(data):
        data.mkdir(parents=True, exist_ok=True)
        there = {one.name for one in data.iterdir()}
        if there - NOBODYS and not there & KNOWN:
            raise Trouble(
                f"{data} holds other things, such as {min(there - NOBODYS)}. The data folder is "
                "Atelier's alone: name an empty or a new one in ATELIER_DATA."
            )
        if os.geteuid() != 0:
            _check_owner(data, os.geteuid())
        _check_owner(places.pg, places.person.uid)
        room = os.statvfs(data)
        free_mib = room.f_bavail * room.f_frsize >> 20
        needs_mib = OLD_NEEDS_MIB if (places.pg / "PG_VERSION").exists() else NEW_NEEDS_MIB
        if free_mib < needs_mib:
            raise Trouble(
                f"The disk of {data} has {free_mib} MiB left, and Atelier needs {needs_mib} to "
                "start. Free some room there, or name another folder in ATELIER_DATA."
            )
        _own(data, 0, places.person.gid, 0o750 if places.person.dropped else 0o700)


def _check_owner(folder: Path, uid: int) -> None:
    """Started by root first and by somebody else then, or the other way round."""
    if folder.exists() and (owner := folder.stat().st_uid) != uid:
        raise Trouble(
            f"{folder} belongs to {name_of(owner)}, and not to {name_of(uid)} as it would if "
            "Atelier were started as before. Start it as the user who did so the first time, or "
            "name another folder in ATELIER_DATA."
        )


def make(places: Places) -> None:
    """Folders and keys. The data folder is ours; nothing above it is touched. Trouble."""
    person = places.person
    with worded(places.data):
        for name in ("logs", "keys", "ready", "static", "bytecode"):
            (places.data / name).mkdir(exist_ok=True)
            _own(places.data / name, 0, person.gid, 0o750)
        for folder in (places.run, places.bytecode(dropped=True)):
            runtime.make(folder, person)
        _check_modes(places.bytecode(dropped=True))
        if (old := written_run(places)) != places.run:
            runtime.remove(old, places.data)  # an earlier version's
        if places.run != places.data / "run":
            places.pointer.write_text(f"{places.run}\n")
        else:
            places.pointer.unlink(missing_ok=True)
        for name in ("secret-key", "gateway-key"):
            _key(places.data / "keys" / name, person)


def written_run(places: Places) -> Path:
    """Where the sockets were put at the last start, whatever the rule was then."""
    try:
        return Path(places.pointer.read_text().strip())
    except OSError:
        return places.data / "run"


def _check_modes(folder: Path) -> None:
    """Some file systems (FAT, folders of another system) take every mode and keep none."""
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        raise Trouble(
            f"The file system of {folder} keeps no modes, so nothing on it is private. Name a "
            "folder on a Linux file system in ATELIER_DATA."
        )


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
