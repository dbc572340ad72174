"""The driver port: four verbs and a rumour. Frozen dataclasses, no Django, no I/O.

Promises that every driver keeps, checked by `tests/provisioner/drivers/contract.py`:

* Every verb may be called twice, and in any order; `start` on what runs changes nothing.
* `start` and `stop` return at once; what comes of them is seen by `observe`.
* `observe(ids)` answers for every id it was asked about, `ABSENT` included;
  `observe(None)` answers for everything that exists, orphans included.
* Silence is not an observation: a driver that cannot see raises `DriverUnavailable`
  and never answers `ABSENT` for what it could not look at.
* `stop` keeps the disk, `erase` removes it and everything else of that desktop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from provisioner.states import Observed


@dataclass(frozen=True, slots=True)
class App:
    """One web application inside a desktop, beside the stream, such as a WebUI."""

    name: str  # [a-z][a-z0-9-]*, unique within the desktop
    port: int  # TCP port it listens on, on the desktop's own loopback


@dataclass(frozen=True, slots=True)
class GpuNeed:
    """Graphics cards of one class; `resource` and `node_labels` tell Kubernetes which."""

    gpu_class: str
    count: int
    vram_mib: int
    resource: str = "nvidia.com/gpu"
    node_labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DesktopSpec:
    """What a driver needs to start one desktop. Values only; nothing to look up."""

    id: UUID
    tenant: UUID
    generation: int  # counts launches; an older one is a ghost to be stopped
    name: str
    setup: str  # slug of the setup, a folder under images/ for the local driver
    image: str  # container image reference; unused by the local driver
    cpu_millis: int
    memory_mib: int
    disk_gib: int
    secret: str  # the desktop answers only requests that carry it; new with every generation
    gpu: GpuNeed | None = None
    apps: tuple[App, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What one desktop is, as its world said at `at`.

    `progress` while pending, and what it came to once ready:
    `{"phases": [{"key": "card", "started_at": iso, "ended_at": iso | None,
    "done": int | None, "total": int | None, "unit": "bytes"}, …]}`
    with the keys `card`, `disk`, `setup`, `desktop` in this order, the last one still open.
    `limits` names the limits that this machine could not set (`"memory"`, `"network"`, …).
    """

    id: UUID
    observed: Observed
    at: datetime  # when the world was asked, aware; an older one never overwrites a newer one
    generation: int | None = None  # None exactly when absent
    endpoint: str = ""  # `unix:PATH` or `http://IP:PORT` of the stream, once ready
    app_endpoints: dict[str, str] = field(default_factory=dict)  # app name → the same
    cause: str = ""  # key of a cause sentence, when failed or waiting
    detail: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Something moved. `id` is None where it is not known what."""

    id: UUID | None


class Driver(Protocol):
    def start(self, spec: DesktopSpec) -> None:
        """Ensure it exists. NoCapacity, SpecRejected, DriverUnavailable."""

    def stop(self, id: UUID) -> None:
        """The machine goes, the disk stays. Unknown ids are no error."""

    def erase(self, id: UUID) -> None:
        """The disk goes too. Stops first what still runs."""

    def observe(self, ids: Collection[UUID] | None = None) -> list[Observation]:
        """See the promises above."""

    def changes(self) -> Iterator[Change]:
        """Blocks; yields when something moved. May stay silent, may end: call it again."""
