"""A world of real sandboxes with a small stand-in for the session (`rooms/`).

Namespaces, limits and networks are real; a start takes a tenth of a second.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from provisioner.drivers.local import cgroups, processes, sandbox
from provisioner.drivers.local.driver import LocalDriver
from provisioner.drivers.local.folders import Folder, State
from provisioner.states import Observed
from tests.provisioner.drivers.contract import a_spec, look
from tests.running import eventually

ROOMS = Path(__file__).with_name("rooms")
KIND = sandbox.kind()
needs_sandbox = pytest.mark.skipif(
    KIND == "none", reason="no bubblewrap here, or it may not make namespaces"
)
as_root = pytest.mark.skipif(KIND != "root", reason="only root gives desktops users and networks")
# Ten processes that hide as well as they can, and one without our mark in its environment.
HIDING = """
for n in 1 2 3 4 5; do
    (setsid sh -c 'trap "" HUP INT TERM; (sleep 1000 &) ; sleep 1000' &) &
done
(env -i setsid sleep 1000 &)
echo done >answer
"""


class LocalWorld:
    def __init__(
        self,
        data: Path,
        *,
        plain: bool = False,
        images: Path = ROOMS,
        runtime: Path | None = None,
    ) -> None:
        self.runtime = runtime
        self.capacity = 3
        self.images = images
        self.data = data
        self.plain = plain
        env = data / "streamer"
        (env / "bin").mkdir(parents=True)
        (env / "bin" / "python").symlink_to("/usr/bin/python3")
        self.driver = self.restarted()

    def restarted(self) -> LocalDriver:
        return LocalDriver(
            data=self.data,
            slots=self.capacity,
            env=self.data / "streamer",
            plain=self.plain,
            images=self.images,
            runtime=self.runtime,
        )

    def folder(self, id: UUID) -> Folder:
        return self.driver.cabinet.folder(id)

    def state(self, id: UUID) -> State:
        state = self.folder(id).state()
        assert state is not None
        return state

    def becomes_ready(self, id: UUID) -> None:
        try:
            eventually(lambda: look(self.driver, id).observed == Observed.READY)
        except AssertionError as error:
            folder = self.folder(id)
            seen = (look(self.driver, id), folder.state(), folder.marks(), folder.said_last())
            raise AssertionError(f"{id} is not ready: {seen}") from error

    def said(self, id: UUID) -> str:
        return "\n".join(self.folder(id).said_last())

    def dies(self, id: UUID) -> None:
        os.kill(self.state(id).pid, signal.SIGKILL)
        eventually(lambda: look(self.driver, id).observed == Observed.FAILED)

    def has_disk(self, id: UUID) -> bool:
        return self.folder(id).home.exists()

    @contextmanager
    def blinded(self) -> Iterator[None]:
        """Something else lies where the desktops are kept, as when a disk is not mounted."""
        root = self.data / "desktops"
        root.rename(self.data / "elsewhere")
        root.write_text("")
        try:
            yield
        finally:
            root.unlink()
            (self.data / "elsewhere").rename(root)

    def end(self) -> None:
        for folder in self.driver.cabinet.folders():
            self.driver.erase(folder.id)
        shutil.rmtree(self.data)

    # What a test may see and do inside ---------------------------------------------------------

    def start(self, orders: str = "", **changes: object) -> UUID:
        """A running desktop that was given orders."""
        spec = a_spec(**changes)
        if orders:
            self.prepare(spec.id, orders)
        self.driver.start(spec)
        self.becomes_ready(spec.id)
        return spec.id

    def prepare(self, id: UUID, orders: str) -> None:
        """As if an earlier session had left this in the home."""
        spec = a_spec(id)
        self.driver.start(spec)
        (self.folder(id).home / "orders.sh").write_text(orders)
        os.chmod(self.folder(id).home / "orders.sh", 0o644)
        self.driver.stop(id)

    def answer(self, id: UUID, name: str = "answer") -> str:
        """What an order wrote into the home."""
        path = self.folder(id).home / name
        return eventually(lambda: path.exists() and path.read_text(), what=self.said(id)) or ""

    def processes(self, id: UUID) -> list[int]:
        mark = processes.marked("ATELIER_DESKTOP", str(id))
        return [pid for pid in {*cgroups.members(id), *mark} if processes.start_ticks(pid)]
