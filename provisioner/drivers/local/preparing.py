"""Prepares a desktop's setup first, where that takes a while, and then starts the desktop.

A process of its own, which no worker's death takes along. It holds the desktop's lock from the
moment of the start until the sandbox runs; whoever looks meanwhile sees how far it has come. What
it had fetched when it was killed is there for the next who tries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from images.install import InstallFailed
from images.models import ModelRefused
from images.recipes import RecipeError
from images.shelf import NotHere
from provisioner.drivers.base import App, DesktopSpec, GpuNeed
from provisioner.drivers.local import processes
from provisioner.drivers.local.folders import Folder, State
from provisioner.drivers.local.starting import bury, now
from provisioner.errors import DriverError, SpecRejected

if TYPE_CHECKING:
    from provisioner.drivers.local.driver import LocalDriver

ROOT = Path(__file__).resolve().parents[3]
TOLD_EVERY_S = 0.5


def hand_over(
    driver: LocalDriver, folder: Folder, spec: DesktopSpec, state: State, lock: int
) -> None:
    """From here on the desktop is another process's business. The caller holds its lock."""
    order = {
        "data": str(driver.cabinet.root.parent),
        "slots": driver.slots.total,
        "env": str(driver.env),
        "plain": driver.plain,
        "images": str(driver.images),
        "setups": str(driver.shelf.folder),
        "recipes": str(driver.recipes or ""),
        "runtime": str(driver.cabinet.runtime),
        "spec": asdict(spec) | {"id": str(spec.id), "tenant": str(spec.tenant)},
    }
    with folder.log.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(lock)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            # The mark by which all that belongs to a desktop is found and ended.
            env=os.environ | {"PYTHONPATH": str(ROOT), "ATELIER_DESKTOP": str(spec.id)},
            pass_fds=(lock,),
            start_new_session=True,
        )
    bury(child)
    ticks = processes.start_ticks(child.pid)
    folder.write_state(replace(state, preparer=child.pid, preparer_ticks=ticks))
    assert child.stdin is not None
    with child.stdin as pipe:  # by pipe: a secret is in it
        pipe.write(json.dumps(order).encode())


def interrupt(folder: Folder) -> None:
    """Whoever prepares for this desktop stops doing so, and lets go of its lock."""
    state = folder.state()
    if state is not None and state.preparer:
        processes.kill(state.preparer, state.preparer_ticks, processes.boot_id())


@contextmanager
def translated() -> Iterator[None]:
    """The workshop's errors, in this room's words."""
    try:
        yield
    except (NotHere, RecipeError) as error:
        raise SpecRejected(str(error), cause="setup_not_here") from error
    except (InstallFailed, ModelRefused) as error:
        raise DriverError(str(error), cause="setup_failed") from error


def main() -> int:
    from provisioner.drivers.local.driver import LocalDriver

    order = json.load(sys.stdin)
    said = order["spec"]
    driver = LocalDriver(
        data=Path(order["data"]),
        slots=order["slots"],
        env=Path(order["env"]),
        plain=order["plain"],
        images=Path(order["images"]),
        setups=Path(order["setups"]),
        recipes=Path(order["recipes"]) if order["recipes"] else None,
        runtime=Path(order["runtime"]),
    )
    return _prepare_and_start(driver, _spec(said))


def _prepare_and_start(driver: LocalDriver, spec: DesktopSpec) -> int:
    folder = driver.cabinet.folder(spec.id)
    state = folder.state()
    if state is None:
        return 1
    told_at, told = 0.0, ""

    def tell(what: str, done: int, total: int, unit: str) -> None:
        nonlocal told_at, told
        if what == told and time.monotonic() - told_at < TOLD_EVERY_S and done < total:
            return
        told_at, told = time.monotonic(), what
        folder.write_preparing(
            {"what": what, "done": done, "total": total, "unit": unit, "moved_at": now()}
        )

    try:
        with translated():
            prepared = driver.shelf.prepare(spec.setup, tell)
        driver.starter.spawn(folder, spec, replace(state, prepared_at=now()), prepared)
    except DriverError as error:
        detail = {"log": str(error).splitlines()[-12:]}
        folder.write_state(replace(state, failure={"cause": error.cause, "detail": detail}))
        print(error)  # noqa: T201 - into the desktop's log
        return 1
    folder.preparing_file.unlink(missing_ok=True)
    return 0


def _spec(said: dict[str, Any]) -> DesktopSpec:
    gpu = said.pop("gpu")
    if gpu is not None:
        labels = tuple((key, value) for key, value in gpu.pop("node_labels"))
        gpu = GpuNeed(**gpu, node_labels=labels)
    apps = tuple(App(**app) for app in said.pop("apps"))
    said |= {"id": UUID(said["id"]), "tenant": UUID(said["tenant"])}
    return DesktopSpec(**said, gpu=gpu, apps=apps)


if __name__ == "__main__":
    sys.exit(main())
