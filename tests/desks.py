"""Desktops on a running platform, for tests and benches: launched and looked at as programs do."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import Platform, eventually

READY_WITHIN_S = 60


@dataclass
class Desks:
    """What one person does through the API."""

    platform: Platform
    token: str

    @classmethod
    def of(cls, platform: Platform, email: str = "alice@example.org") -> Desks:
        return cls(platform, platform.token(email))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.platform.call(method, f"/api/v1/{path}", body, token=self.token, **more)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json if answer.text else None

    def launch(self, *, plan: str = "aigc-a4000", setup: str = "blank", name: str = "") -> str:
        """The new desktop's id."""
        wish = {"plan": plan, "setup": setup, "name": name or f"Desk {uuid.uuid4().hex[:8]}"}
        found: str = self.call("POST", "desktops/", wish)["id"]
        return found

    def get(self, id: str) -> dict[str, Any]:
        desktop: dict[str, Any] = self.call("GET", f"desktops/{id}/")
        return desktop

    def until(self, id: str, *words: str, seconds: float = READY_WITHIN_S) -> dict[str, Any]:
        """Waits until its status is one of these words."""

        def look() -> dict[str, Any] | None:
            # The portal itself may be what was just killed.
            answer = self.try_get(id)
            return answer if answer and answer["status"] in words else None

        return eventually(look, seconds=seconds, what=f"{id} is {words}") or {}

    def try_get(self, id: str) -> dict[str, Any] | None:
        try:
            answer = self.platform.call("GET", f"/api/v1/desktops/{id}/", token=self.token)
        except OSError:
            return None
        return answer.json if answer.status == 200 else None

    def running(self, **wish: str) -> str:
        id = self.launch(**wish)
        self.until(id, "running")
        return id

    def delete(self, id: str) -> None:
        self.call("DELETE", f"desktops/{id}/")
        eventually(lambda: not self.folder(id).exists(), seconds=30, what=f"{id} is gone")

    # --- Behind the portal's back ---------------------------------------------------------------

    def folder(self, id: str) -> Path:
        return self.platform.data / "desktops" / id

    def home(self, id: str) -> Path:
        return self.folder(id) / "home"

    def init(self, id: str) -> int:
        """Pid of the sandbox's init on this machine; 0 when there is none."""
        try:
            return int(json.loads((self.folder(id) / "state.json").read_text())["pid"])
        except (OSError, ValueError):
            return 0


def processes_of(id: str, *, command: str = "") -> list[int]:
    """Every process of one desktop on this machine, by the mark in its environment."""
    return [
        pid
        for pid, environ, line in _processes()
        if f"ATELIER_DESKTOP={id}" in environ and command in line
    ]


def _processes() -> Iterator[tuple[int, str, str]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = (
                (entry / "environ").read_bytes().replace(b"\0", b"\n").decode("utf-8", "replace")
            )
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        yield int(entry.name), environ, line
