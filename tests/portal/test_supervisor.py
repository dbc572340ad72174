"""`up`, `status`, `down` on one machine: what people and scripts rely on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from images import folders
from portal.supervisor import exposure, identity
from portal.supervisor.person import Person
from tests.running import Platform, eventually

RAIN = """extends = "studio"
title = { en = "Rain", zh = "雨" }
summary = { en = "Rain.", zh = "雨。" }
creator = "某人"
version = "0.1-dev"
licence = "CC0-1.0"
min_vram_mib = 0
cover = "blank.webp"
"""


def test_it_never_signals_a_stranger_who_got_the_same_pid() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        known = identity.of(child.pid)
        assert known and identity.alive(known)
        other = identity.Identity(known.pid, known.started + 1, known.boot)
        assert not identity.send(other, signal.SIGKILL)
        assert child.poll() is None
        identity.end([known], signal.SIGTERM, grace_s=5)
        assert not identity.alive(known)
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_it_finds_the_folder_that_keeps_the_service_user_out(tmp_path: Path) -> None:
    somebody = Person("nobody", 65534, 65534, dropped=True)
    checkout = tmp_path / "closed" / "open" / "checkout"
    checkout.mkdir(parents=True)
    for folder in (tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    top = tmp_path.parents[1]
    if not somebody.may_enter(top.stat()):
        assert exposure.find([checkout], somebody)[0].folder in checkout.parents
        return
    assert exposure.find([checkout], somebody) == []
    (tmp_path / "closed").chmod(0o700)
    assert exposure.find([checkout], somebody) == [
        exposure.Closed(tmp_path / "closed", (checkout,))
    ]


@pytest.fixture
def quiet() -> Iterator[Platform]:
    """A platform that pretends to have desktops."""
    running = Platform(ATELIER_DRIVER="memory")
    try:
        yield running
    finally:
        running.end()


@pytest.mark.servers
def test_it_starts_says_so_and_stops(quiet: Platform) -> None:
    before = quiet.supervisor("status")
    assert before.returncode != 0
    quiet.up()
    assert quiet.call("GET", "/healthz").status == 200
    status = quiet.status()
    assert status["running"] and all(one["healthy"] for one in status["processes"])
    again = quiet.supervisor("up", seconds=20)
    assert again.returncode == 1 and "already running" in again.stderr
    pids = quiet.pids()
    quiet.down()
    assert not [pid for pid in pids.values() if identity.of(pid)]


@pytest.mark.servers
def test_it_says_which_port_is_taken(quiet: Platform) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", quiet.port))
        squatter.listen()
        done = quiet.supervisor("up", "--detach", seconds=20)
    assert done.returncode == 1
    assert f"Port {quiet.port} on 127.0.0.1 is taken" in done.stderr
    assert not quiet.pids()


@pytest.mark.servers
def test_it_takes_over_what_a_killed_supervisor_left(quiet: Platform) -> None:
    quiet.up()
    old = quiet.pids()
    quiet.kill("supervisor")
    eventually(lambda: not quiet.status()["running"])
    quiet.up()
    assert quiet.status()["running"]
    assert not set(old.values()) & set(quiet.pids().values())
    assert not [pid for pid in old.values() if identity.of(pid)]


@pytest.mark.servers
@pytest.mark.timeout(300)
def test_one_creator_s_mistake_is_told_and_stops_nobody(quiet: Platform) -> None:
    own = quiet.data / "own"
    for slug in ("rain", "snow"):
        (own / slug).mkdir(parents=True)
    (own / "rain" / "setup.toml").write_bytes(f"\ufeff{RAIN}".replace("\n", "\r\n").encode())
    (own / "snow" / "setup.toml").write_bytes(RAIN.encode("utf-16"))
    quiet.settings[folders.SETTING] = str(own)
    for _again in range(2):  # it is told as long as it is so
        done = quiet.supervisor("up", "--detach")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{quiet.logs()}"
        told = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
        assert len(told) == 1 and f"{own / 'snow' / 'setup.toml'}: not valid TOML" in told[0]
        assert quiet.call("GET", "/setups/rain/").status == 200
        assert quiet.call("GET", "/setups/snow/").status == 404
        quiet.down()
