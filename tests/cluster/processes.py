"""The processes of a test cluster: started, waited for, ended whatever happens."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Failed(RuntimeError):
    """A process did not start; says what its log says."""


class Process:
    """One child that dies with us, even when we are killed.

    The kernel sends it SIGKILL when the thread that started it ends, so start it from a thread
    that lives as long as it shall.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        self._since = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=env,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def said(self, *, lines: int = 20) -> str:
        with self.log.open("rb") as file:
            file.seek(self._since)
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise Failed(f"{self.name} ended with {self._child.returncode}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} is not ready after {seconds:g} s:\n{self.said()}")
            time.sleep(0.03)

    def stop(self, *, seconds: float = 5) -> None:
        if self.running:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self.running:
            self._child.kill()
        self._child.wait(10)
