"""The local driver: the port's promises, kept with folders, namespaces and sockets."""

from __future__ import annotations

import errno
import grp
import json
import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from provisioner.drivers.base import Change, DesktopSpec, Observation
from provisioner.drivers.local import cgroups, marks, processes, sandbox
from provisioner.drivers.local.changes import listen
from provisioner.drivers.local.folders import Cabinet, Folder, State
from provisioner.drivers.local.slots import Slots
from provisioner.errors import DriverError, SpecRejected
from provisioner.states import Observed

IMAGES = Path(__file__).resolve().parents[3] / "images"
SPAWN = Path(__file__).with_name("spawn.sh")
GATEWAY_GROUP = "atelier"
# A start that was begun and shows no process after this long was cut short: its worker died.
CUT_SHORT_AFTER = timedelta(seconds=10)
INIT_KNOWN_WITHIN_S = 2.0
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's limit for sockets in the file system


def _now() -> datetime:
    return datetime.now(UTC)


class LocalDriver:
    """Desktops on this machine. Any number of processes may have one of these at a time."""

    def __init__(
        self, *, data: Path, slots: int, env: Path, plain: bool = False, images: Path = IMAGES
    ) -> None:
        self.cabinet = Cabinet(data)
        self.slots = Slots(self.cabinet, slots)
        self.env = env
        self.images = images
        self.kind: sandbox.Kind = "none" if plain else sandbox.kind()

    @classmethod
    def from_settings(cls, settings: Any) -> LocalDriver:
        """`settings` is `portal.settings.Environment`."""
        return cls(
            data=settings.data,
            slots=settings.local_slots,
            env=settings.desktop_env,
            plain=settings.local_sandbox == "none",
        )

    # --- The port -------------------------------------------------------------------------------

    def start(self, spec: DesktopSpec) -> None:
        setup = self.images / spec.setup
        if not setup.is_dir():
            raise SpecRejected(f"no folder images/{spec.setup}", setup=spec.setup)
        if not (self.env / "bin" / "python").exists():
            raise DriverError(f"the streamer is not installed in {self.env}; run ./dev up")
        folder = self.cabinet.folder(spec.id)
        longest = len(os.fsencode(folder.run / "stream.sock"))
        if longest > LONGEST_SOCKET_PATH:
            raise DriverError(f"{folder.run}: the path is too long for sockets ({longest} bytes)")
        with self.cabinet.locked(str(spec.id)):
            if folder.state() is not None:
                return  # it exists, alive or dead: only `stop` clears it away
            state, uid = self._claim(folder, spec)
            try:
                self._furnish(folder, uid)
                state = replace(state, disk_at=_now().isoformat())
                self._spawn(folder, spec, state, uid)
            except OSError as error:
                self._end(folder)
                cause = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
                raise DriverError(str(error), cause=cause) from error

    def stop(self, id: UUID) -> None:
        folder = self.cabinet.folder(id)
        if not folder.exists():
            return
        with self.cabinet.locked(str(id)):
            self._end(folder)

    def erase(self, id: UUID) -> None:
        folder = self.cabinet.folder(id)
        with self.cabinet.locked(str(id)):
            if folder.exists():
                self._end(folder)
            try:
                folder.remove()
            except OSError as error:
                raise DriverError(f"the disk could not be removed: {error}") from error
            (self.cabinet.root / ".locks" / str(id)).unlink(missing_ok=True)

    def observe(self, ids: Collection[UUID] | None = None) -> list[Observation]:
        at = _now()
        if ids is not None:
            return [self._observe(self.cabinet.folder(id), at) for id in ids]
        every = (self._observe(folder, at) for folder in self.cabinet.folders())
        return [seen for seen in every if seen.observed != Observed.ABSENT]

    def changes(self) -> Iterator[Change]:
        self.cabinet.make()
        return listen(self.cabinet)

    # --- Starting -------------------------------------------------------------------------------

    def _claim(self, folder: Folder, spec: DesktopSpec) -> tuple[State, int]:
        """A place on this machine, written down before anything else happens."""
        with self.cabinet.locked("slots"):
            slot = self.slots.free()
            folder.path.mkdir(mode=0o711, exist_ok=True)
            uid = self.slots.uid(folder) if self.kind == "root" else os.geteuid()
            state = State(
                generation=spec.generation,
                slot=slot,
                claimed_at=_now().isoformat(),
                apps=[f"{app.name}:{app.port}" for app in spec.apps],
            )
            folder.write_state(state)
        return state, uid

    def _furnish(self, folder: Folder, uid: int) -> None:
        folder.clear_run()
        cgroups.remove(folder.id)
        folder.home.mkdir(mode=0o700, exist_ok=True)
        folder.run.mkdir()
        if self.kind == "root":
            os.chown(folder.home, uid, uid)
            os.chown(folder.run, uid, _gateway_gid(uid))
        # The set-group bit hands the sockets made inside to the gateway's group.
        folder.run.chmod(0o2770)
        sandbox.write_etc(folder, uid=uid, own_network=self._network == "own")

    @property
    def _network(self) -> str:
        if self.kind == "none":
            return "plain"
        return "own" if self.kind == "root" and sandbox.has_network() else "shared"

    def _spawn(self, folder: Folder, spec: DesktopSpec, state: State, uid: int) -> None:
        limits = cgroups.Limits(memory_mib=spec.memory_mib, cpu_millis=spec.cpu_millis)
        groups, missing = cgroups.make(folder.id, limits)
        missing += {"plain": ["network", "isolation"], "shared": ["network"]}.get(
            self._network, []
        )
        view = sandbox.inside(
            self.kind,
            folder,
            images=self.images,
            setup=spec.setup,
            env=self.env,
            slot=state.slot,
        )
        command = sandbox.command(
            self.kind,
            folder,
            view,
            uid=uid,
            images=self.images,
            setup=spec.setup,
            env=self.env,
        )
        state = replace(state, spawned_at=_now().isoformat(), limits=missing)
        folder.write_state(state)
        joined = ":".join(str(group) for group in groups)
        with folder.log.open("wb") as log:
            subprocess.Popen(
                ["/bin/sh", str(SPAWN), str(folder.info), self._network, joined, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=sandbox.environment(
                    view, id=str(spec.id), secret=spec.secret, apps=state.apps
                ),
                start_new_session=True,  # a killed worker takes no desktop along
            )
        deadline = time.monotonic() + INIT_KNOWN_WITHIN_S
        while not self._adopt(folder, state) and time.monotonic() < deadline:
            time.sleep(0.002)

    def _adopt(self, folder: Folder, state: State) -> bool:
        """Write down who the sandbox's init is, once the sandbox has said so."""
        try:
            pid = int(json.loads(folder.info.read_text())["child-pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        ticks = processes.start_ticks(pid)
        if not ticks or not _is_ours(pid, folder):
            return False
        folder.write_state(replace(state, pid=pid, start_ticks=ticks, boot_id=processes.boot_id()))
        return True

    # --- Ending ---------------------------------------------------------------------------------

    def _end(self, folder: Folder) -> None:
        """Nothing of it runs afterwards; the home stays. DriverError when that fails."""
        state = folder.state()
        if state is not None and not state.pid:
            self._adopt(folder, state)
            state = folder.state()
        gone = state is None or processes.kill(state.pid, state.start_ticks, state.boot_id)
        gone = processes.end_all(lambda: cgroups.members(folder.id)) and gone
        if self.kind == "none":
            mark = ("ATELIER_DESKTOP", str(folder.id))
            gone = processes.end_all(lambda: processes.marked(*mark)) and gone
        if not (gone and cgroups.remove(folder.id)):
            raise DriverError(f"desktop {folder.id} could not be ended")
        folder.clear_run()
        shutil.rmtree(folder.etc, ignore_errors=True)
        folder.forget_state()

    # --- Looking --------------------------------------------------------------------------------

    def _observe(self, folder: Folder, at: datetime) -> Observation:
        state = folder.state()
        if state is None:
            return Observation(id=folder.id, observed=Observed.ABSENT, at=at)
        if not state.pid:
            return self._observe_begun(folder, state, at)
        if not processes.alive(state.pid, state.start_ticks, state.boot_id):
            return self._died(folder, state, at)
        said = folder.marks()
        ready = said.get("ready") is True
        return Observation(
            id=folder.id,
            observed=Observed.READY if ready else Observed.PENDING,
            at=at,
            generation=state.generation,
            endpoint=f"unix:{folder.run / 'stream.sock'}" if ready else "",
            app_endpoints=_apps(folder, state) if ready else {},
            progress=marks.progress(state, said),
            limits=tuple(state.limits),
        )

    def _observe_begun(self, folder: Folder, state: State, at: datetime) -> Observation:
        """Claimed, and no process known: the start is on its way, or its worker died."""
        old = at - datetime.fromisoformat(state.claimed_at) > CUT_SHORT_AFTER
        if old and self._adopt(folder, state):
            return self._observe(folder, at)
        if old:
            return self._died(folder, state, at)
        return Observation(
            id=folder.id,
            observed=Observed.PENDING,
            at=at,
            generation=state.generation,
            progress=marks.progress(state, {}),
        )

    def _died(self, folder: Folder, state: State, at: datetime) -> Observation:
        if folder.state() != state:
            return self._observe(folder, at)  # it was stopped, or started, while we looked
        return Observation(
            id=folder.id,
            observed=Observed.FAILED,
            at=at,
            generation=state.generation,
            cause="desktop_died",
            detail={"log": folder.said_last()},
            progress=marks.progress(state, folder.marks()),
        )


def _apps(folder: Folder, state: State) -> dict[str, str]:
    names = [app.partition(":")[0] for app in state.apps]
    return {name: f"unix:{folder.run / f'app-{name}.sock'}" for name in names}


def _gateway_gid(uid: int) -> int:
    with suppress(KeyError):
        return grp.getgrnam(GATEWAY_GROUP).gr_gid
    return uid


def _is_ours(pid: int, folder: Folder) -> bool:
    """Not some other process that has got the same pid since."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return str(folder.path).encode() in line or str(folder.id).encode() in environ
