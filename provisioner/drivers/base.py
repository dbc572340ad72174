"""The driver port: three verbs, two ways to look, and the news. Dataclasses, no Django, no I/O.

Promises that every driver keeps, checked by `tests/provisioner/drivers/contract.py`:

* Every verb may be called twice, and in any order; `start` on what runs changes nothing.
* `start` and `stop` return at once; what comes of them is seen by `observe`.
* `observe(ids)` answers for every id it was asked about, `ABSENT` included; `survey()` answers for
  everything that exists, orphans included.
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


# Every desktop has this one: its files, for people to look at while it runs and while it rests.
FILES = App(name="files", port=6902)


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
    setup_version: str = ""  # empty: the newest there is
    setup_digest: str = ""  # SHA-256 of what that version consists of; empty: whatever it is
    disk_known: bool = False  # it was there at an earlier start: no need to make sure of it first


@dataclass(frozen=True, slots=True)
class Observation:
    """What one desktop is, as its world said at `at`.

    `progress` while pending, and what it came to once ready:
    `{"phases": [{"key": "card", "started_at": iso, "ended_at": iso | None,
    "done": int | None, "total": int | None, "unit": "bytes"}, …]}`
    with the keys `card`, `disk`, `setup`, `desktop` in this order, the last one still open, and
    beside them `moved_at`, where the driver itself sees that something long goes on.
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
    # Where the world counts its own changes (Kubernetes' resourceVersion): the count as of which
    # this was seen. Of two looks the one with the higher count is the newer, whatever clocks say.
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine that desktops can run on, and what of it is to be had.

    `capacity`, `allocatable` and `taken` map a resource's name to an integer: `cpu_millis`,
    `memory_mib`, and each kind of card under its Kubernetes name (`nvidia.com/gpu`: cards). The
    gap between the first two is broken or reserved; `taken` is what others than desktops hold.
    """

    name: str
    ready: bool  # answers, and accepts new desktops (not cordoned)
    labels: dict[str, str] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    allocatable: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that exists, as seen at once. What is not in `seen` was absent."""

    seen: tuple[Observation, ...]
    at: datetime  # when it was asked, aware
    revision: int | None = None  # as in Observation; counts for what is missing too
    machines: tuple[Machine, ...] | None = None  # None: not asked


@dataclass(frozen=True, slots=True)
class News:
    """What a driver heard since the last time. Nobody need look again at what was `seen`."""

    seen: tuple[Observation, ...] = ()
    moved: tuple[UUID, ...] = ()  # these moved: look at them
    unclear: bool = False  # something moved, not known what: look at everything
    world: World | None = None  # everything, where the driver had to look at it anyway
    machines: tuple[Machine, ...] | None = None  # all machines, where one of them changed
    heard_at: datetime | None = None  # until when nothing can have been missed


class Driver(Protocol):
    # True where `changes` tells all that becomes of a desktop, so that the hand need not ask
    # about what is pending every few seconds.
    hears_everything: bool

    def start(self, spec: DesktopSpec) -> None:
        """Ensure it exists. NoCapacity, SpecRejected, DriverUnavailable."""

    # `tenant`: whose it is, where that is known; saves some drivers a search.

    def stop(self, id: UUID, *, tenant: UUID | None = None) -> None:
        """The machine goes, the disk stays. Unknown ids are no error."""

    def erase(self, id: UUID, *, tenant: UUID | None = None) -> None:
        """The disk goes too. Stops first what still runs."""

    def open_files(self, spec: DesktopSpec) -> str:
        """The endpoint of its files while it rests: a small room that ends by itself after a
        while, and when the desktop starts. Empty where the desktop exists: then its app `files`
        is the one to ask; and where it is still on its way: then ask again. DriverError,
        DriverUnavailable."""

    def observe(self, ids: Collection[UUID], *, tenant: UUID | None = None) -> list[Observation]:
        """One answer for each id; see the promises above. DriverUnavailable."""

    def survey(self) -> World:
        """Everything that exists. DriverUnavailable."""

    def changes(self) -> Iterator[News]:
        """Blocks; yields when something moved. May stay silent, may end: call it again."""
