"""A PostgreSQL and a Valkey of the tests' own, thrown away afterwards.

DATABASE_URL and BROKER_URL, where set, are honoured. Safety on disk is off: nothing is to last.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from portal.supervisor import person, servers, spawning

_FOLDER = "ATELIER_TEST_FOLDER"
_OWNER = "ATELIER_TEST_OWNER"
_started: list[subprocess.Popen[bytes]] = []


def environment() -> Path:
    """Set the variables that portal/environment.py reads. Workers of xdist inherit them."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="atelier-test-")
        os.environ[_OWNER] = str(os.getpid())
    folder = Path(os.environ[_FOLDER])
    os.environ.setdefault("DATABASE_URL", f"postgresql://atelier@/atelier?host={folder}/run")
    os.environ.setdefault("BROKER_URL", f"redis+socket://{folder}/run/valkey.sock")
    (folder / "data" / "static").mkdir(parents=True, exist_ok=True)
    os.environ["ATELIER_DATA"] = str(folder / "data")
    os.environ["ATELIER_MODE"] = "embedded"
    os.environ["ATELIER_SECRET_KEY"] = "only for tests"
    os.environ["ATELIER_GATEWAY_KEY"] = "only for tests as well"
    for name in ("ATELIER_PORT", "ATELIER_GATEWAY_PORT", "ATELIER_SMTP_URL", "ATELIER_DRIVER"):
        os.environ.pop(name, None)
    return folder


def start() -> None:
    """In the process that made the folder, once."""
    folder = Path(os.environ[_FOLDER])
    if os.environ[_OWNER] != str(os.getpid()) or _started:
        return
    who = person.service()
    folder.chmod(0o711)
    run = folder / "run"
    run.mkdir(mode=0o700)
    if who.dropped:
        os.chown(run, who.uid, who.gid)
    waits = []
    if str(folder) in os.environ["BROKER_URL"]:
        _spawn("valkey", servers.valkey_command(run), who, folder)
        waits.append(servers.valkey_answers)
    if str(folder) in os.environ["DATABASE_URL"]:
        servers.init(folder / "pg", who, log=folder / "initdb.log")
        command = servers.postgres_command(folder / "pg", run, throw_away=True)
        _spawn("postgres", command, who, folder)
        waits.append(servers.postgres_answers)
    deadline = time.monotonic() + 60
    while not all(answers(run) for answers in waits):
        if time.monotonic() > deadline or any(one.poll() is not None for one in _started):
            logs = "\n".join(spawning.tail(log) for log in folder.glob("*.log"))
            stop()
            raise RuntimeError(f"the tests' servers do not start:\n{logs}")
        time.sleep(0.02)


def _spawn(name: str, command: list[str], who: person.Person, folder: Path) -> None:
    _started.append(
        spawning.start(
            command,
            person=who,
            log=folder / f"{name}.log",
            env=dict(os.environ),
            paths=[folder],
            # Tests are often killed; their servers shall not stay behind.
            die_with_us=signal.SIGQUIT if name == "postgres" else signal.SIGTERM,
        )
    )


def stop() -> None:
    for process in _started:
        process.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown
    for process in _started:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    _started.clear()
    if os.environ.get(_OWNER) == str(os.getpid()):
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
