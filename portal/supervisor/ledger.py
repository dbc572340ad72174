"""What runs for one data folder: written by its supervisor, read by `status`."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.supervisor import identity
from portal.supervisor.identity import Identity


@dataclass
class Ledger:
    path: Path
    supervisor: Identity | None = None
    port: int = 0
    gateway_port: int = 0
    ready: bool = False
    children: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self) -> None:
        content = {
            "supervisor": self.supervisor.to_json() if self.supervisor else None,
            "port": self.port,
            "gateway_port": self.gateway_port,
            "ready": self.ready,
            "children": self.children,
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(content, indent=1))
        fresh.replace(self.path)

    def living(self) -> dict[str, Identity]:
        """The children that still run, by name."""
        known = {name: identity.read(entry.get("id")) for name, entry in self.children.items()}
        return {name: one for name, one in known.items() if one and identity.alive(one)}

    @property
    def supervised(self) -> bool:
        return identity.alive(self.supervisor)


def read(path: Path) -> Ledger:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return Ledger(path)
    return Ledger(
        path,
        supervisor=identity.read(content.get("supervisor")),
        port=content.get("port", 0),
        gateway_port=content.get("gateway_port", 0),
        ready=content.get("ready", False),
        children=content.get("children", {}),
    )


def take(lock: Path) -> int | None:
    """Be the one supervisor of this data folder for as long as we live; None: somebody is."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
