"""The real session in a real desktop: it streams to whoever knows the secret, and heals."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import App
from provisioner.drivers.local import cgroups, processes, sandbox
from provisioner.drivers.local.driver import IMAGES, LocalDriver
from provisioner.states import Observed
from tests.provisioner.drivers.contract import a_spec, look
from tests.running import eventually

ENV = Path(os.environ.get("ATELIER_DESKTOP_ENV", IMAGES.parent / ".envs" / "desktop"))
NEEDED = ("Xvfb", "openbox", "tint2", "lxterminal", "xrandr", "xsetroot")
missing = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(sandbox.kind() == "none", reason="no bubblewrap here"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}"),
    pytest.mark.skipif(not (ENV / "bin" / "selkies").exists(), reason=f"no streamer in {ENV}"),
]
SECRET = "only-for-this-test"
APP = """#!/bin/sh
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


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
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


def test_it_answers_nobody_who_does_not_know_the_secret(studio: Studio) -> None:
    for path in ("/", "/api/files/", "/api/screenshot", "/api/websockets"):
        assert studio.ask(path, secret=None)[0] == 401, path
        assert studio.ask(path, secret="guessed")[0] == 401, path
    status, page = studio.ask("/")
    assert status == 200
    assert b"<html" in page.lower()


def test_the_secret_stands_on_no_command_line(studio: Studio) -> None:
    pids = studio.pids()
    assert len(pids) > 6
    assert studio.pids(SECRET) == []


def test_the_phases_are_told_in_order(studio: Studio) -> None:
    phases = look(studio.driver, studio.id).progress["phases"]
    assert [phase["key"] for phase in phases] == ["card", "disk", "setup", "desktop"]
    assert all(phase["started_at"] <= phase["ended_at"] for phase in phases)


def test_the_furniture_comes(studio: Studio) -> None:
    # A desktop with a WebUI begins with a browser, where the machine has one to begin with.
    first = next(filter(shutil.which, ("firefox-esr", "chromium")), "lxterminal")
    for program in ("openbox", "tint2", first):
        eventually(lambda name=program: studio.pids(name), what=program)


def test_a_file_made_inside_can_be_fetched_and_one_can_be_brought(studio: Studio) -> None:
    (studio.home / "note.txt").write_text("made in the terminal")
    os.chmod(studio.home / "note.txt", 0o644)
    assert studio.ask("/api/files/note.txt") == (200, b"made in the terminal")
    status, said = studio.ask(
        "/api/upload",
        method="POST",
        body=b"brought along",
        X_Upload_Path="brought.txt",
        X_Upload_Id="1",
        X_Upload_Offset="0",
        X_Upload_Final="1",
    )
    assert status in (200, 201), said
    assert (studio.home / "brought.txt").read_bytes() == b"brought along"


def test_an_apps_port_comes_out_as_a_socket(studio: Studio) -> None:
    eventually(lambda: studio.ask("/", app="webui")[0] == 200, what="the app")
    assert studio.ask("/picture.txt", app="webui") == (200, b"painted here\n")
    assert studio.ask("/missing", app="webui")[0] == 404


def test_a_killed_streamer_comes_back_and_the_desktop_stays(studio: Studio) -> None:
    before = look(studio.driver, studio.id)
    [x_server] = studio.pids("Xvfb")
    [streamer] = studio.pids("-m selkies")
    os.kill(streamer, signal.SIGKILL)
    eventually(lambda: studio.pids("-m selkies") not in ([], [streamer]))
    eventually(lambda: studio.ask("/api/health")[0] == 200, what=studio.said())
    after = look(studio.driver, studio.id)
    assert (after.observed, after.endpoint) == (Observed.READY, before.endpoint)
    assert studio.pids("Xvfb") == [x_server]


def test_a_desktop_without_its_screen_has_died_and_starts_again_with_its_files(
    studio: Studio,
) -> None:
    (studio.home / "kept.txt").write_text("kept")
    [x_server] = studio.pids("Xvfb")
    os.kill(x_server, signal.SIGKILL)
    eventually(lambda: look(studio.driver, studio.id).observed == Observed.FAILED)
    eventually(lambda: studio.pids() == [])
    seen = look(studio.driver, studio.id)
    assert seen.cause == "desktop_died"
    assert any("the X server ended" in line for line in seen.detail["log"])
    studio.driver.stop(studio.id)
    studio.start(generation=2)
    assert (studio.home / "kept.txt").read_text() == "kept"
