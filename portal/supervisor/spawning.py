"""Starts one child: its user, its view of the file system, its log; nothing of ours inherited."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from portal.supervisor import exposure
from portal.supervisor.person import Person
from portal.supervisor.places import ROOT

_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_LARGEST_LOG = 8 << 20


def start(
    command: Sequence[str],
    *,
    person: Person,
    log: Path,
    env: Mapping[str, str],
    drop: bool = True,
    paths: Sequence[Path] = (),
    fds: Sequence[int] = (),
    die_with_us: int = 0,
) -> subprocess.Popen[bytes]:
    """`drop`: to the service user, if we are root. `paths`: what it needs beside the checkout."""
    dropping = drop and person.dropped
    closed = closed_to(person, [Path(command[0]).parent, *paths]) if dropping else []
    with _open(log) as output:
        return subprocess.Popen(
            command,
            cwd="/",
            env=dict(env) | ({"HOME": "/nonexistent"} if dropping else {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=fds,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops in order
            preexec_fn=_prepare(  # noqa: PLW1509 (we have no threads)
                person if dropping else None, closed, die_with_us
            ),
        )


def closed_to(person: Person, paths: Sequence[Path]) -> list[exposure.Closed]:
    """What keeps the service user from the checkout, from Python or from these paths."""
    return exposure.find([ROOT, Path(sys.base_prefix), *paths], person) if person.dropped else []


def _prepare(
    person: Person | None, closed: list[exposure.Closed], die_with_us: int
) -> Callable[[], None]:
    def prepare() -> None:
        try:
            if person:
                exposure.enter(closed, person)
                os.setgroups([])
                os.setresgid(person.gid, person.gid, person.gid)
                os.setresuid(person.uid, person.uid, person.uid)
            if die_with_us:  # after the change of user, which would clear it
                _libc.prctl(_PDEATHSIG, die_with_us)
            os.chdir(ROOT)
            os.umask(0o022)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
        except OSError as error:  # Popen would only say that something went wrong here
            os.write(2, f"{error.strerror or error}\n".encode())
            os._exit(111)

    return prepare


def _open(log: Path):  # type: ignore[no-untyped-def]
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def tail(log: Path, *, lines: int = 15, since: int = 0) -> str:
    """The end of a log, from byte `since` on."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])
