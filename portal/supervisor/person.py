"""Who runs what. Started by root, most of the platform runs as a user of its own."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass

NAME = "atelier"


@dataclass(frozen=True)
class Person:
    """Whom PostgreSQL, Valkey, web and gateway run as."""

    name: str
    uid: int
    gid: int
    dropped: bool  # we are root and they are not

    def may_enter(self, found: os.stat_result) -> bool:
        """Whether the mode bits of a folder let this person pass through it."""
        if not self.dropped:
            return True
        if found.st_uid == self.uid:
            return bool(found.st_mode & 0o100)
        if found.st_gid == self.gid:
            return bool(found.st_mode & 0o010)
        return bool(found.st_mode & 0o001)


def service() -> Person:
    """The service user: ourselves, or as root the system user `atelier`, made if need be."""
    if os.geteuid() != 0:
        return Person(name_of(os.geteuid()), os.geteuid(), os.getegid(), dropped=False)
    for attempt in (NAME, "nobody"):
        entry = _entry(attempt) or (_make(attempt) if attempt == NAME else None)
        if entry:
            return Person(attempt, entry.pw_uid, entry.pw_gid, dropped=True)
    raise SystemExit("This machine has neither a user `atelier` nor `nobody` to run servers as.")


def name_of(uid: int) -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make(name: str) -> pwd.struct_passwd | None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        grp.getgrnam(name)
        command += ["--gid", name]
    except KeyError:
        command += ["--user-group"]
    try:
        subprocess.run([*command, name], check=False, capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _entry(name)
