"""Starting one desktop: a place, a disk, the sandbox around its session, and who its init is.

What is intended is written down before it is done, so a start that is cut short anywhere is seen
for what it is, and adopted or cleared away. The caller holds the desktop's lock.
"""

from __future__ import annotations

import grp
import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from images.shelf import Prepared, Shelf
from provisioner.drivers.base import DesktopSpec
from provisioner.drivers.local import cards, cgroups, firewall, sandbox
from provisioner.drivers.local.folders import Cabinet, Folder, State
from provisioner.drivers.local.looking import with_init
from provisioner.drivers.local.slots import Slots

SPAWN = Path(__file__).with_name("spawn.sh")
GATEWAY_GROUP = "atelier"
INIT_KNOWN_WITHIN_S = 10.0

# Parents on this machine of the sandboxes that this process started; see `bury`.
_parents: list[subprocess.Popen[bytes]] = []
_burying = threading.Lock()


@dataclass(frozen=True)
class Starter:
    cabinet: Cabinet
    slots: Slots
    kind: sandbox.Kind
    env: Path
    images: Path
    shelf: Shelf
    allowed: tuple[str, ...] = ()  # networks that desktops reach although they are private

    @property
    def network(self) -> str:
        if self.kind == "none":
            return "plain"
        return "own" if self.kind == "root" and sandbox.has_network() else "shared"

    def outside(self, setup: Path, creator: Path | None = None) -> sandbox.Outside:
        return sandbox.Outside(
            desktop=self.images / "desktop",
            streamer=self.env,
            shelf=self.shelf.folder,
            models=self.shelf.store.folder,
            setup=setup,
            creator=creator,
        )

    def claim(self, folder: Folder, spec: DesktopSpec) -> State:
        """A place on this machine, written down before anything else happens. NoCapacity."""
        with self.cabinet.locked("slots"):
            slot = self.slots.free()
            folder.path.mkdir(mode=0o711, exist_ok=True)
            if self.kind == "root":
                self.slots.uid(folder)
            state = State(
                generation=spec.generation,
                slot=slot,
                claimed_at=now(),
                apps=[f"{app.name}:{app.port}" for app in spec.apps],
            )
            folder.write_state(state)
        return state

    def furnish(self, folder: Folder) -> None:
        """An empty `run`, and a `home` that is theirs. OSError."""
        folder.clear_run()
        cgroups.remove(folder.id)
        folder.home.mkdir(mode=0o700, exist_ok=True)
        folder.run.mkdir()
        uid = self.uid(folder)
        if self.kind == "root":
            os.chown(folder.home, uid, uid)
            os.chown(folder.run, uid, _gateway_gid(uid))
        # The set-group bit hands the sockets made inside to the gateway's group.
        folder.run.chmod(0o2770)
        if self.kind == "none":  # in a sandbox it is /run/desk, wherever it lies out here
            folder.link_short_run()
        sandbox.write_etc(folder, uid=uid, own_network=self.network == "own")
        if self.network == "own":
            firewall.write(folder.path, allowed=self.allowed)

    def spawn(self, folder: Folder, spec: DesktopSpec, state: State, prepared: Prepared) -> None:
        """OSError."""
        limits = cgroups.Limits(memory_mib=spec.memory_mib, cpu_millis=spec.cpu_millis)
        groups, missing = cgroups.make(folder.id, limits)
        missing = [*missing, "disk"]  # homes share one file system, as large as it is
        missing += {"plain": ["network", "isolation"], "shared": ["network"]}.get(self.network, [])
        outside = self.outside(prepared.setup, prepared.creator)
        view = sandbox.inside(self.kind, folder, outside, slot=state.slot)
        command = sandbox.command(
            self.kind,
            folder,
            view,
            outside,
            uid=self.uid(folder),
            devices=cards.of_place(state.slot, wanted=spec.gpu.count if spec.gpu else 0),
        )
        environment = sandbox.environment(
            view, id=str(spec.id), secret=spec.secret, apps=state.apps
        )
        state = replace(state, spawned_at=now(), limits=missing)
        folder.write_state(state)
        joined = ":".join(str(group) for group in groups)
        with folder.log.open("wb") as log:
            parent = subprocess.Popen(
                ["/bin/sh", str(SPAWN), str(folder.path), self.network, joined, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
                start_new_session=True,  # a killed worker takes no desktop along
            )
        bury(parent)
        deadline = time.monotonic() + INIT_KNOWN_WITHIN_S
        while not adopt(folder, state) and time.monotonic() < deadline:
            if parent.poll() is not None:
                return  # it ended already: seen as a desktop that died
            time.sleep(0.002)

    def uid(self, folder: Folder) -> int:
        return (folder.uid() if self.kind == "root" else None) or os.geteuid()


def adopt(folder: Folder, state: State) -> bool:
    """Write down who the sandbox's init is, once the sandbox has said so."""
    known = with_init(folder, state)
    if known.pid:
        folder.write_state(known)
    return known.pid > 0


def bury(new: subprocess.Popen[bytes] | None = None) -> None:
    """Let go of those that ended, or they would stay as zombies."""
    with _burying:
        _parents[:] = [parent for parent in _parents if parent.poll() is None]
        if new is not None:
            _parents.append(new)


def now() -> str:
    return datetime.now(UTC).isoformat()


def _gateway_gid(uid: int) -> int:
    with suppress(KeyError):
        return grp.getgrnam(GATEWAY_GROUP).gr_gid
    return uid
