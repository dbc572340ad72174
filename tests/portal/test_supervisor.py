"""`up`, `status`, `down` on one machine: what people and scripts rely on."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from images import folders
from portal.supervisor import exposure, identity, runtime
from portal.supervisor.person import Person
from portal.supervisor.problems import Trouble
from tests.desks import Desks
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
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


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


@as_root
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


@as_root
def test_it_says_which_folder_to_open_where_it_cannot_show_it_to_the_service_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1

    somebody = Person("atelier", 65534, 65534, dropped=True)
    closed = [exposure.Closed(tmp_path, (tmp_path / "my data",))]
    exposure.check([], somebody)
    monkeypatch.setattr(exposure, "_libc", SimpleNamespace(unshare=refused))
    exposure.check([], somebody)  # nothing is closed, so nothing is asked for
    with pytest.raises(Trouble) as trouble:
        exposure.check(closed, somebody)
    assert f"`chmod o+x {tmp_path}`" in str(trouble.value)
    assert str(tmp_path / "my data") in str(trouble.value)


def test_a_folder_is_named_from_where_one_stands(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    if not (root / ".venv" / "bin" / "python").exists():
        pytest.skip("./dev has set nothing up here")
    env = os.environ | {"ATELIER_DATA": "my data"}
    command = [str(root / "dev"), "status", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert json.loads(done.stdout)["data"] == str(tmp_path / "my data")


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
def test_one_creator_s_mistake_is_told_and_stops_nobody(quiet: Platform, tmp_path: Path) -> None:
    own = tmp_path / "own"
    tmp_path.chmod(0o700)  # as somebody's home is
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


@pytest.fixture
def tight() -> Iterator[Path]:
    """A folder with a long name that is no plain word, below one that is closed to others."""
    closed = Path(tempfile.mkdtemp(prefix="atelier-"))
    yield closed / ("一个很长的名字 with 'spaces', 100% " + "d" * 60) / "data"
    shutil.rmtree(closed)


@pytest.mark.servers
@pytest.mark.desktop
@pytest.mark.timeout(300)  # a whole platform, and a desktop on it
def test_a_desktop_runs_from_a_long_path_below_a_closed_folder(tight: Path) -> None:
    assert len(os.fsencode(tight)) > 100
    mode = tight.parents[1].stat().st_mode
    platform = Platform(data=tight)
    try:
        started = platform.supervisor("up", "--detach")
        assert started.returncode == 0, started.stderr + platform.logs()
        assert "Desktops will not" not in started.stdout
        run = runtime.folder(tight)
        assert run.stat().st_mode & 0o777 == 0o700
        assert platform.status()["running"]
        desks = Desks.of(platform)
        id = desks.running()
        assert (desks.folder(id) / "run" / "stream.sock").is_socket()
        assert tight.parents[1].stat().st_mode == mode == 0o40700, "nobody's folder was opened"
        platform.down()
        assert not run.exists()
    finally:
        platform.end()


@pytest.mark.servers
@pytest.mark.desktop
@pytest.mark.timeout(300)
def test_what_keeps_every_desktop_from_starting_is_said_at_once(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to("/usr/bin/python3")  # with none of the streamer's packages
    platform = Platform(ATELIER_DESKTOP_ENV=str(tmp_path))
    try:
        done = platform.supervisor("up", "--detach")
        assert done.returncode == 0, done.stderr
        assert "The streamer's Python does not run inside a desktop" in done.stdout
    finally:
        platform.end()


UNUSUAL = "mount -t tmpfs -o {options} none {folder} && exec {python} -m portal.supervisor up"


@as_root
@pytest.mark.parametrize(
    ("options", "said"),
    [("size=2m", "has 2 MiB left, and Atelier needs"), ("ro", "is mounted read-only")],
)
def test_a_disk_that_will_not_do_is_said_in_one_sentence(
    tmp_path: Path, options: str, said: str
) -> None:
    script = UNUSUAL.format(options=options, folder=tmp_path, python=sys.executable)
    platform = Platform(data=tmp_path / "data")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        cwd=Path(__file__).parents[2],
        env=platform.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip("this machine allows no mounts")
    assert done.returncode == 1
    assert said in done.stderr and str(tmp_path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
