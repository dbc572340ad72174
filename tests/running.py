"""A whole platform as processes, as `./dev up` runs it, for tests to use and to hurt."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
_NOT_OURS = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE")


def eventually(look: Callable[[], T], *, seconds: float = 20, what: str = "") -> T:
    """The first true answer; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            said = f"{what or look}: still {answer!r} after {seconds:g} s"
            raise AssertionError(said)
        time.sleep(0.05)


def free_port() -> int:
    """One that stays free until it is used: nobody is given it, and no other run of tests.

    The kernel gives its own to every connection that goes out, so this is not one of those.
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    lowest, highest = int(given[0]), int(given[1])
    # Chromium refuses some ports below these.
    ports = [port for port in range(11_000, 65_536) if not lowest <= port <= highest]
    locks = Path(tempfile.gettempdir(), f"atelier-test-ports-{os.geteuid()}")
    locks.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(ports, min(200, len(ports))):
        lock = os.open(locks / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as this process lives
            with socket.socket() as one:
                one.bind(("127.0.0.1", port))
            return port
        except OSError:
            os.close(lock)
    raise AssertionError("no port is free")


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Platform:
    """On free ports, with a data folder of its own. Not started until `up()`."""

    def __init__(self, *, data: Path | None = None, **settings: str) -> None:
        self.data = data or Path(tempfile.mkdtemp(prefix="atelier-platform-"))
        self.port, self.gateway_port = free_port(), free_port()
        self.settings = settings

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _NOT_OURS and not name.startswith("ATELIER_")
        }
        desktop_env = os.environ.get("ATELIER_DESKTOP_ENV")
        return kept | {
            "ATELIER_DATA": str(self.data),
            "ATELIER_PORT": str(self.port),
            "ATELIER_GATEWAY_PORT": str(self.gateway_port),
            "PYTHONPATH": str(ROOT),
            **({"ATELIER_DESKTOP_ENV": desktop_env} if desktop_env else {}),
            **self.settings,
        }

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def supervisor(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "portal.supervisor", *words],
            cwd=ROOT,
            env=self.env,
            text=True,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )

    def up(self) -> None:
        done = self.supervisor("up", "--detach")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.logs()}"

    def down(self) -> None:
        done = self.supervisor("down")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    def end(self) -> None:
        """Down, and nothing left on disk."""
        try:
            self.down()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)

    def logs(self, lines: int = 15) -> str:
        """The end of every log, for a failing test to show."""
        parts = []
        for log in sorted((self.data / "logs").glob("*.log")):
            end = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"--- {log.name}", *end]))
        return "\n".join(parts)

    # --- Its processes ------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        return json.loads(self.supervisor("status", "--json").stdout)

    def pids(self) -> dict[str, int]:
        status = self.status()
        found = {one["name"]: one["pid"] for one in status["processes"] if one["pid"]}
        return found | ({"supervisor": status["supervisor"]} if status["supervisor"] else {})

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """The pid that was killed."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    # --- What people and programs do ----------------------------------------------------------

    def manage(self, *words: str, seconds: float = 60) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            text=True,
            capture_output=True,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == 0, f"manage.py {words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def token(self, email: str) -> str:
        """An API token of this person, who is made if need be."""
        return self.manage("create_token", email, "--create").split()[-1]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
        seconds: float = 15,
    ) -> Answer:
        """One request to the portal; never raises for a status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Host", f"localhost:{self.port}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return _answer(answer)
        except urllib.error.HTTPError as error:
            return _answer(error)


def _answer(found: Any) -> Answer:
    text = found.read().decode(errors="replace")
    return Answer(found.status, text, {k.lower(): v for k, v in found.headers.items()})
