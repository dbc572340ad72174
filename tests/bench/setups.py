"""`./dev bench setups`: from a desktop's start to its stream and its WebUI; what takes long.

One machine, real sandboxes, the setups prepared before (which is measured apart, when it had to be
done). Each setup is started several times; the first time with nothing of it in the file cache,
where that may be dropped (root), as on a machine that has not had it for a while.

* sandbox: from the driver's start to the session's first word.
* session: its first files, and what the setup wants done before (`prepare`).
* desktop: X server, window manager, streamer, until the stream answers.
* WebUI: from then on until the app's own health path answers. `of it imports`: what Python itself
  says it spends on importing the app's modules, in a run of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from images import folders, schema, setups, tools
from images.build import LOCAL
from images.install import InstallFailed
from images.shelf import NotHere, Shelf
from provisioner.drivers.base import App, DesktopSpec
from provisioner.drivers.local.driver import LocalDriver
from tests.bench.figures import last_line, table
from tests.running import ROOT, eventually

USUAL = ("blank", "studio", "invokeai")
IMPORTS = {"studio": "import gradio, fastapi, uvicorn", "invokeai": "import invokeai.app.api_app"}
WITHIN_S = 300.0
STREAMER = Path(os.environ.get("ATELIER_DESKTOP_ENV", ROOT / ".envs" / "desktop"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench setups")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--setups", nargs="+", default=USUAL)
    options = parser.parse_args()
    shelf = setups.shelf()
    seen: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as place:
        Path(place).chmod(0o711)
        driver = LocalDriver(data=Path(place), slots=1, env=STREAMER, setups=shelf.folder)
        for slug in options.setups:
            try:
                seen[slug] = measure(driver, shelf, slug, options.starts)
            except (NotHere, InstallFailed) as error:
                say(f"{slug}: {error}")
    show(seen, options.starts)


def say(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def measure(driver: LocalDriver, shelf: Shelf, slug: str, starts: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"image_mib": image_mib(slug)}
    if shelf.find(slug) is None:
        say(f"{slug}: is prepared …")
        began = time.monotonic()
        shelf.prepare(slug, lambda *_: None)
        figures["prepared_s"] = round(time.monotonic() - began, 1)
    figures["cold"] = None
    if dropped():
        say(f"{slug}: cold …")
        figures["cold"] = start(driver, slug)
    figures["warm"] = []
    for number in range(starts):
        say(f"{slug}: {number + 1} of {starts} …")
        figures["warm"].append(start(driver, slug))
    figures["imports_s"] = imports_s(shelf, slug)
    return figures


def start(driver: LocalDriver, slug: str) -> dict[str, float]:
    """Seconds of each part of one start, and CPU seconds of all of it."""
    setup = schema.read(folders.find(more=folders.further()))[slug]
    spec = DesktopSpec(
        id=uuid4(),
        tenant=uuid4(),
        generation=1,
        name="bench",
        setup=slug,
        image="",
        cpu_millis=1000 * (os.cpu_count() or 1),
        memory_mib=16384,
        disk_gib=10,
        secret=uuid4().hex,
        apps=tuple(App(app.name, app.port) for app in setup.apps),
    )
    folder = driver.cabinet.folder(spec.id)
    began = time.time()
    driver.start(spec)
    try:
        eventually(lambda: folder.marks().get("ready"), seconds=WITHIN_S, what="the stream")
        if setup.apps:
            eventually(lambda: app_ready(folder.marks()), seconds=WITHIN_S, what="the WebUI")
        marks, cpu_s = folder.marks(), cpu_used_s(spec.id)
    finally:
        driver.erase(spec.id)
    session, desktop = (
        tuple(moment(phase[key]) for key in ("started_at", "ended_at"))
        for phase in marks["phases"]
    )
    parts = {
        "sandbox_s": session[0] - began,
        "session_s": session[1] - session[0],
        "desktop_s": desktop[1] - desktop[0],
        "stream_s": desktop[1] - began,
    }
    if setup.apps:
        ready = moment(app_ready(marks))
        parts |= {"webui_s": ready - desktop[1], "webui_ready_s": ready - began}
    return {name: round(value, 3) for name, value in (parts | {"cpu_s": cpu_s}).items()}


def app_ready(marks: dict[str, Any]) -> str:
    apps = marks.get("apps") or {}
    return str((apps.get("webui") or {}).get("ready_at") or "")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def cpu_used_s(id: UUID) -> float:
    """Of everything that belongs to the desktop and lives, so far."""
    from provisioner.drivers.local import cgroups, processes

    ticks = 0
    for pid in {*cgroups.members(id), *processes.marked("ATELIER_DESKTOP", str(id))}:
        with suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, stat[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def imports_s(shelf: Shelf, slug: str) -> float | None:
    prepared = shelf.find(slug)
    code = IMPORTS.get(slug)
    if prepared is None or code is None:
        return None
    python = prepared.setup / "env" / "bin" / "python"
    began = time.monotonic()
    done = subprocess.run(
        [python, "-c", code],
        env={"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HOME": tempfile.gettempdir()},
        capture_output=True,
        check=False,
    )
    return round(time.monotonic() - began, 2) if done.returncode == 0 else None


def dropped() -> bool:
    """Whether the file cache is empty now."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def image_mib(slug: str) -> int | None:
    """Of the image that was built here, unpacked; None where none was."""
    try:
        builder = tools.builder()
        name = f"{LOCAL}/{slug}"
        listed = builder.run("images", "--format", "{{.Name}} {{.Size}}").splitlines()
    except (tools.Unavailable, tools.BuildFailed):
        return None
    sizes = [line.split(None, 1)[1] for line in listed if line.split(None, 1)[0] == name]
    return mib(sizes[0]) if sizes else None


def mib(text: str) -> int:
    number, _, unit = text.partition(" ")
    factor = {"KB": 1e3, "MB": 1e6, "GB": 1e9}.get(unit, 1.0)
    return round(float(number) * factor / (1 << 20))


PARTS = ("sandbox_s", "session_s", "desktop_s", "stream_s", "webui_s", "webui_ready_s", "cpu_s")


def show(seen: dict[str, dict[str, Any]], starts: int) -> None:
    rows = [["setup", "image, MiB", "", *(part.removesuffix("_s") for part in PARTS), "imports"]]
    for slug, figures in seen.items():
        size = str(figures["image_mib"] or "–")
        if figures["cold"]:
            rows.append([slug, size, "cold", *(text(figures["cold"].get(p)) for p in PARTS), ""])
        medians = {p: middle([one[p] for one in figures["warm"] if p in one]) for p in PARTS}
        figures["median"] = {part: value for part, value in medians.items() if value is not None}
        rows.append(
            [slug, size, "warm", *(text(medians[p]) for p in PARTS), text(figures["imports_s"])]
        )
    table(rows)
    sys.stdout.write(f"\nSeconds; warm: the middle one of {starts} starts.\n")
    last_line(seen)


def middle(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def text(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
