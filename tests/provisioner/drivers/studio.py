"""A real desktop with a small WebUI in it, for tests of what runs inside."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from provisioner.drivers.base import App
from provisioner.drivers.local import cgroups, processes, sandbox
from provisioner.drivers.local.driver import IMAGES, LocalDriver
from provisioner.states import Observed
from tests.provisioner.drivers.contract import a_spec, look
from tests.running import eventually

ENV = Path(os.environ.get("ATELIER_DESKTOP_ENV", IMAGES.parent / ".envs" / "desktop"))
NEEDED = ("Xvfb", "openbox", "tint2", "pcmanfm", "lxterminal", "xrandr", "xsetroot")
missing = [name for name in NEEDED if shutil.which(name) is None]
NEEDS = [
    pytest.mark.desktop,
    pytest.mark.skipif(sandbox.kind() == "none", reason="no bubblewrap here"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}"),
    pytest.mark.skipif(not (ENV / "bin" / "selkies").exists(), reason=f"no streamer in {ENV}"),
]
SECRET = "only-for-this-test"
APP = """#!/bin/sh
[ ! -e "$HOME/errand" ] || sh "$HOME/errand" &
printf 'loading 1%%\\rloading 2%%\\n'
cd "$HOME/app" && exec /usr/bin/python3 -m http.server --bind 127.0.0.1 7860
"""
PREPARE = """#!/bin/sh
mkdir -p "$HOME/app" && echo "painted here" >"$HOME/app/picture.txt"
"""
SETUP = """title = { en = "Probe", zh = "探针" }
summary = { en = "What a session shows of itself.", zh = "会话自己能看到的。" }
creator = "Tests"
version = "1.0"
licence = "Apache-2.0"
min_vram_mib = 0
size_mib = 1
cover = "probe.webp"

[[apps]]
name = "webui"
port = 7860
title = "Probe"
health = "/picture.txt"
"""


class _ByFile(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("desk", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


@dataclass
class Studio:
    driver: LocalDriver
    id: UUID

    @property
    def home(self) -> Path:
        return self.driver.cabinet.folder(self.id).home

    @property
    def own(self) -> Path:
        """What the session keeps of its own, among it the page it begins with."""
        return self.driver.cabinet.folder(self.id).run / "own"

    def news(self) -> dict[str, Any]:
        """What that page hears of the WebUI."""
        text = (self.own / "news.js").read_text()
        return json.loads(text.strip().removeprefix("heard(").removesuffix(");"))

    def picture(self) -> Image.Image:
        status, data = self.ask("/api/screenshot")
        assert status == 200
        return Image.open(io.BytesIO(data)).convert("RGB")

    def said(self) -> str:
        return "\n".join(self.driver.cabinet.folder(self.id).said_last(40))

    def start(self, generation: int = 1) -> None:
        spec = a_spec(
            self.id,
            generation=generation,
            secret=SECRET,
            setup="probe",
            memory_mib=4096,
            apps=(App(name="webui", port=7860),),
        )
        self.driver.start(spec)
        eventually(lambda: look(self.driver, self.id).observed != Observed.PENDING, seconds=60)
        assert look(self.driver, self.id).observed == Observed.READY, self.said()

    def ask(
        self,
        path: str,
        *,
        secret: str | None = SECRET,
        app: str = "",
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        """As the gateway would; status 0 where nobody answers."""
        seen = look(self.driver, self.id)
        endpoint = seen.app_endpoints[app] if app else seen.endpoint
        connection = _ByFile(endpoint.removeprefix("unix:"))
        if secret is not None:
            login = base64.b64encode(f"desk:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def pids(self, *words: str) -> list[int]:
        """Processes inside whose command line holds all these words."""
        found = []
        for pid in {*cgroups.members(self.id), *processes.marked("ATELIER_DESKTOP", str(self.id))}:
            line = _command(pid)
            if all(word in line for word in words):
                found.append(pid)
        return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@pytest.fixture(scope="module", name="studio")
def a_studio() -> Iterator[Studio]:
    data = Path(f"/tmp/atelier-{uuid4().hex[:8]}")
    images = data / "images"
    (images / "probe").mkdir(parents=True)
    (images / "desktop").symlink_to(IMAGES / "desktop")
    for name, text in (("start", APP), ("prepare", PREPARE), ("setup.toml", SETUP)):
        (images / "probe" / name).write_text(text)
        (images / "probe" / name).chmod(0o755)
    driver = LocalDriver(data=data, slots=2, env=ENV, images=images)
    studio = Studio(driver, uuid4())
    studio.start()
    yield studio
    driver.erase(studio.id)
    shutil.rmtree(data)
