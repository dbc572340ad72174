"""The local driver: the port's promises, kept with folders, namespaces and sockets."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from images.shelf import Prepared, Shelf
from provisioner.drivers.base import DesktopSpec, News, Observation, World
from provisioner.drivers.local import preparing, rooms, sandbox
from provisioner.drivers.local.changes import listen
from provisioner.drivers.local.ending import end
from provisioner.drivers.local.folders import Cabinet
from provisioner.drivers.local.looking import look
from provisioner.drivers.local.slots import Slots
from provisioner.drivers.local.starting import Starter, now
from provisioner.errors import DriverError, DriverUnavailable, SpecRejected
from provisioner.states import Observed

IMAGES = Path(__file__).resolve().parents[3] / "images"
SETUP_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class LocalDriver:
    """Desktops on this machine. Any number of processes may have one of these at a time."""

    hears_everything = False  # what a desktop writes of its progress is read, not told

    def __init__(
        self,
        *,
        data: Path,
        slots: int,
        env: Path,
        plain: bool = False,
        images: Path = IMAGES,
        setups: Path | None = None,
        recipes: Path | None = None,
        runtime: Path | None = None,
        allowed_networks: Sequence[str] = (),
    ) -> None:
        """`images` holds the recipes and the session; `recipes` are somebody's own beside them.

        `setups` is where setups are prepared, with the models' store in it. `runtime` is a private
        folder with a short path; where `data` is short as well, it is not needed.
        """
        self.cabinet = Cabinet(data, runtime)
        self.slots = Slots(self.cabinet, slots)
        self.env = env
        self.images = images
        self.plain = plain
        self.recipes = recipes
        self.kind: sandbox.Kind = "none" if plain else sandbox.kind()
        shelf = setups or data / "setups"
        self.shelf = Shelf(shelf, shelf / "models", images=images, more=recipes)
        self.starter = Starter(
            self.cabinet,
            self.slots,
            self.kind,
            env,
            images,
            self.shelf,
            allowed=tuple(allowed_networks),
        )

    @classmethod
    def from_settings(cls, settings: Any) -> LocalDriver:
        """`settings` is `portal.environment.Environment`."""
        return cls(
            data=settings.data,
            slots=settings.local_slots,
            env=settings.desktop_env,
            plain=settings.local_sandbox == "none",
            setups=settings.local_setups,
            recipes=settings.setups_folder,
            runtime=settings.run_dir,
            allowed_networks=[str(each) for each in settings.local_allowed_networks],
        )

    def start(self, spec: DesktopSpec) -> None:
        folder = self.cabinet.folder(spec.id)
        prepared = self._prepared(spec)
        with _translated(), self.cabinet.locked(str(spec.id)) as lock:
            if folder.state() is not None:
                return  # it exists, alive or dead: only `stop` clears it away
            rooms.close(folder)
            state = self.starter.claim(folder, spec)
            try:
                self.starter.furnish(folder)
                state = replace(state, disk_at=now())
                if prepared is None:
                    preparing.hand_over(self, folder, spec, state, lock)
                else:
                    self.starter.spawn(folder, spec, state, prepared)
            except OSError:
                with suppress(DriverError):  # then it is seen as failed, and stopped again
                    end(folder, self.kind)
                raise

    def stop(self, id: UUID, *, tenant: UUID | None = None) -> None:
        folder = self.cabinet.folder(id)
        if folder.exists():
            preparing.interrupt(folder)
            with _translated(), self.cabinet.locked(str(id)):
                if folder.exists():
                    end(folder, self.kind)

    def erase(self, id: UUID, *, tenant: UUID | None = None) -> None:
        folder = self.cabinet.folder(id)
        preparing.interrupt(folder)
        with _translated(), self.cabinet.locked(str(id)):
            if folder.exists():
                end(folder, self.kind)
            folder.remove()
            (self.cabinet.root / ".locks" / str(id)).unlink(missing_ok=True)

    def open_files(self, spec: DesktopSpec) -> str:
        folder = self.cabinet.folder(spec.id)
        with _translated(), self.cabinet.locked(str(spec.id)):
            if folder.state() is not None:
                return ""
            return rooms.open_(self.starter, folder, spec)

    def observe(self, ids: Collection[UUID], *, tenant: UUID | None = None) -> list[Observation]:
        at = datetime.now(UTC)
        return [look(self.cabinet, self.cabinet.folder(id), at) for id in ids]

    def survey(self) -> World:
        at = datetime.now(UTC)
        every = (look(self.cabinet, folder, at) for folder in self.cabinet.folders())
        return World(seen=tuple(seen for seen in every if seen.observed != Observed.ABSENT), at=at)

    def changes(self) -> Iterator[News]:
        with _translated():
            self.cabinet.make()
        return listen(self.cabinet)

    def _prepared(self, spec: DesktopSpec) -> Prepared | None:
        """Its setup, or None where preparing it takes a while. Refuses what cannot ever run."""
        if not (self.env / "bin" / "python").exists():
            raise DriverError(f"the streamer is not installed in {self.env}; run ./dev up")
        if not SETUP_NAME.fullmatch(spec.setup):
            raise SpecRejected(f"no setup {spec.setup!r}", setup=spec.setup)
        with preparing.translated():
            prepared = self.shelf.find(spec.setup, spec.setup_version, spec.setup_digest)
            if prepared is None and self.shelf.effortless(spec.setup):
                prepared = self.shelf.prepare(spec.setup, lambda *_: None)
        return prepared


class _translated:
    """The machine's own errors, in this room's words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DriverError(str(error), cause="disk_full") from error
        if error.errno in (errno.ENOTDIR, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE):
            raise DriverUnavailable(str(error)) from error
        raise DriverError(str(error)) from error
