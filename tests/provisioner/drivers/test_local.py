"""Desktops on this machine keep the promises, and nothing of them is left behind.

The sandbox, the namespaces, the limits and the network are real; the session in them is a small
stand-in (`rooms/`), so that a start takes a tenth of a second. `test_session.py` has the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import Driver
from provisioner.drivers.local import cards, cgroups, processes, sandbox
from provisioner.drivers.local.driver import LocalDriver
from provisioner.drivers.local.folders import Folder, State
from provisioner.errors import DriverError, SpecRejected
from provisioner.states import Observed
from tests.provisioner.drivers.contract import Contract, a_spec, look
from tests.running import eventually

ROOMS = Path(__file__).with_name("rooms")
KIND = sandbox.kind()
pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(KIND == "none", reason="no bubblewrap here, or it may not make namespaces"),
]
as_root = pytest.mark.skipif(KIND != "root", reason="only root gives desktops users and networks")


class LocalWorld:
    def __init__(self, data: Path, *, plain: bool = False) -> None:
        self.capacity = 3
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
            images=ROOMS,
        )

    def folder(self, id: UUID) -> Folder:
        return self.driver.cabinet.folder(id)

    def state(self, id: UUID) -> State:
        state = self.folder(id).state()
        assert state is not None
        return state

    def becomes_ready(self, id: UUID) -> None:
        eventually(lambda: look(self.driver, id).observed == Observed.READY, what=self.said(id))

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


@pytest.fixture
def data() -> Iterator[Path]:
    """Short, because sockets live below it."""
    path = Path(f"/tmp/atelier-{uuid4().hex[:8]}")
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def world(data: Path) -> Iterator[LocalWorld]:
    world = LocalWorld(data)
    yield world
    world.end()


class TestLocal(Contract):
    @pytest.fixture
    def world(self, data: Path) -> Iterator[LocalWorld]:
        world = LocalWorld(data)
        yield world
        world.end()


class TestWithoutSandbox(Contract):
    """The same promises where nothing can be isolated; the page says so."""

    @pytest.fixture
    def world(self, data: Path) -> Iterator[LocalWorld]:
        world = LocalWorld(data, plain=True)
        yield world
        world.end()

    def test_it_says_that_nothing_is_isolated(self, world: LocalWorld) -> None:
        seen = look(world.driver, world.start())
        assert {"isolation", "network"} <= set(seen.limits)

    def test_it_finds_what_forked_and_hid(self, world: LocalWorld) -> None:
        id = world.start("for n in 1 2 3; do (setsid sleep 1000 &); done; echo x >answer")
        world.answer(id)
        assert len(world.processes(id)) >= 5
        world.driver.stop(id)
        assert world.processes(id) == []


# --- Nothing is left behind ---------------------------------------------------------------------

HIDING = """
for n in 1 2 3 4 5; do
    (setsid sh -c 'trap "" HUP INT TERM; (sleep 1000 &) ; sleep 1000' &) &
done
(env -i setsid sleep 1000 &)
echo done >answer
"""


def test_stop_ends_daemons_that_forked_twice_and_ignore_signals(world: LocalWorld) -> None:
    id = world.start(HIDING)
    world.answer(id)
    eventually(lambda: len(world.processes(id)) >= 11)
    world.driver.stop(id)
    assert world.processes(id) == []
    assert not any(group.exists() for group in cgroups._groups(id))
    assert not world.folder(id).run.exists()


def test_the_death_of_the_init_takes_everything_along(world: LocalWorld) -> None:
    id = world.start(HIDING)
    world.answer(id)
    inside = [pid for pid in world.processes(id) if _namespace(pid) != _namespace(os.getpid())]
    assert len(inside) >= 11
    world.dies(id)
    eventually(lambda: not any(processes.start_ticks(pid) for pid in inside))
    eventually(lambda: world.processes(id) == [], what="the network and the parent end too")


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def test_a_session_that_ends_by_itself_is_a_desktop_that_died(world: LocalWorld) -> None:
    id = world.start("(setsid sleep 1000 &)")
    (world.folder(id).home / "end").touch()
    eventually(lambda: look(world.driver, id).observed == Observed.FAILED)
    eventually(lambda: "the sandbox ended with 7" in look(world.driver, id).detail["log"])
    assert "this is the last it said" in look(world.driver, id).detail["log"]
    eventually(lambda: world.processes(id) == [])
    world.driver.stop(id)
    assert look(world.driver, id).observed == Observed.ABSENT


def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(world: LocalWorld) -> None:
    spec = a_spec()
    world.driver.start(spec)
    world.dies(spec.id)
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        folder = world.folder(spec.id)
        lie = json.loads((folder.path / "state.json").read_text()) | {"pid": bystander.pid}
        (folder.path / "state.json").write_text(json.dumps(lie))
        assert look(world.driver, spec.id).observed == Observed.FAILED
        world.driver.stop(spec.id)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_erase_removes_the_home_whatever_is_in_it(world: LocalWorld) -> None:
    id = world.start("mkdir -p a/b; touch a/b/c; chmod 0 a/b; ln -s / root; echo x >answer")
    world.answer(id)
    world.driver.erase(id)
    assert [path.name for path in world.driver.cabinet.root.iterdir()] == [".locks"]
    assert list((world.driver.cabinet.root / ".locks").iterdir()) == [
        world.driver.cabinet.root / ".locks" / "slots"
    ]


# --- Workers die --------------------------------------------------------------------------------

WORKER = """
import os, sys
from pathlib import Path
from uuid import UUID
from provisioner.drivers.local import starting
from tests.provisioner.drivers.test_local import LocalWorld, ROOMS, LocalDriver, a_spec

def die(*_arguments, **_more):
    os.kill(os.getpid(), 9)

data, id, where = Path(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3]
driver = LocalDriver(data=data, slots=3, env=data / "streamer", images=ROOMS)
if where == "claimed":
    starting.Starter.furnish = die
elif where == "furnished":
    starting.Starter.spawn = die
elif where == "spawned":
    starting.adopt = die
driver.start(a_spec(id))
os.kill(os.getpid(), 9)
"""


def _worker_dies(world: LocalWorld, id: UUID, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(world.data), str(id), where],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_running_desktop_outlives_its_worker(world: LocalWorld) -> None:
    id = uuid4()
    _worker_dies(world, id, "started")
    world.becomes_ready(id)
    before = world.state(id)
    world.driver.start(a_spec(id, generation=2))
    assert world.state(id) == before
    world.driver.stop(id)
    assert world.processes(id) == []


@pytest.mark.parametrize("where", ["claimed", "furnished", "spawned"])
def test_a_start_that_was_cut_short_is_seen_and_cleared(world: LocalWorld, where: str) -> None:
    id = uuid4()
    _worker_dies(world, id, where)
    assert look(world.driver, id).observed == Observed.FAILED
    world.driver.stop(id)
    assert look(world.driver, id).observed == Observed.ABSENT
    assert world.processes(id) == []
    world.driver.start(a_spec(id, generation=2))
    world.becomes_ready(id)
    assert look(world.driver, id).generation == 2


def test_a_stop_that_was_cut_short_is_finished_by_the_next(world: LocalWorld) -> None:
    id = world.start()
    folder = world.folder(id)
    state = json.loads((folder.path / "state.json").read_text()) | {"ending": True}
    (folder.path / "state.json").write_text(json.dumps(state))
    assert look(world.driver, id).observed == Observed.FAILED
    world.driver.stop(id)
    assert look(world.driver, id).observed == Observed.ABSENT
    assert world.processes(id) == []


def test_while_a_stop_works_it_is_seen_stopping_not_dying(world: LocalWorld) -> None:
    id = world.start(HIDING)
    world.answer(id)
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(look(world.driver, id).observed)

    watcher = threading.Thread(target=watch)
    watcher.start()
    eventually(lambda: len(seen) > 3)
    world.driver.stop(id)
    done.set()
    watcher.join(10)
    assert set(seen) <= {Observed.READY, Observed.STOPPING, Observed.ABSENT}
    assert Observed.STOPPING in seen


def test_stop_all_ends_every_desktop_and_keeps_the_homes(world: LocalWorld) -> None:
    ids = [world.start(), world.start()]
    done = _stop_all(world.data)
    assert done.returncode == 0, done.stderr
    assert "2 of 2" in done.stdout
    assert world.driver.observe() == []
    assert all(world.has_disk(id) and world.processes(id) == [] for id in ids)


def test_stop_all_is_content_where_nothing_ever_ran(data: Path) -> None:
    assert _stop_all(data / "never").returncode == 0
    assert not (data / "never").exists()


def _stop_all(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "provisioner.drivers.local.stop_all"],
        cwd=Path(__file__).parents[3],
        env={"ATELIER_DATA": str(data), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- Homes --------------------------------------------------------------------------------------


def test_the_home_is_there_again_after_a_stop_with_the_same_owner(world: LocalWorld) -> None:
    id = world.start("id -u >answer")
    owner = world.answer(id)
    world.driver.stop(id)
    other = world.start("id -u >answer")  # takes the place that became free
    assert world.answer(other) != owner or KIND != "root"
    (world.folder(id).home / "answer").unlink()
    world.driver.start(a_spec(id, generation=2))
    assert world.answer(id) == owner


def test_a_full_disk_is_said_to_be_full(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_arguments: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    spec = a_spec()
    monkeypatch.setattr("provisioner.drivers.local.sandbox.write_etc", no_room)
    with pytest.raises(DriverError) as refusal:
        world.driver.start(spec)
    assert refusal.value.cause == "disk_full"
    assert look(world.driver, spec.id).observed == Observed.ABSENT


@pytest.mark.parametrize("setup", ["nothing-like-it", "../desktop", "", "."])
def test_an_unknown_setup_is_refused_for_good(world: LocalWorld, setup: str) -> None:
    with pytest.raises(SpecRejected):
        world.driver.start(a_spec(setup=setup))


def test_what_a_tenant_writes_about_itself_is_cut_to_shape(world: LocalWorld) -> None:
    tricks = [
        "ln -s /etc/passwd progress.json",
        "mkfifo progress.json",
        "mkdir progress.json",
        "head -c 200000 /dev/zero >progress.json",
        "printf '[%.0s' $(seq 60000) >progress.json",
        """echo '{"ready": "yes", "phases": [{"key": "<b>", "started_at": 3}]}' >progress.json""",
    ]
    for trick in tricks:
        id = world.start(
            f"sleep 0.05; cd $DESK_RUN; rm -f progress.json; {trick}; echo x >~/answer"
        )
        world.answer(id)
        seen = look(world.driver, id)
        assert (seen.observed, seen.endpoint) == (Observed.PENDING, ""), trick
        assert "<b>" not in json.dumps(seen.progress)
        world.driver.erase(id)


# --- Walls --------------------------------------------------------------------------------------


def test_it_sees_its_own_home_and_nothing_of_ours(world: LocalWorld) -> None:
    neighbour = world.start()
    id = world.start(
        f"ls -d {world.data} /root/* /home/* >answer 2>/dev/null; ps ax >all; id >>answer"
    )
    answer = world.answer(id)
    assert "/home/desk" in answer
    assert str(world.data) not in answer
    assert "/root" not in answer
    assert "uid=0" not in answer
    assert str(neighbour) not in world.answer(id, "all")


@as_root
def test_the_gateway_may_enter_the_sockets_and_nobody_else(world: LocalWorld) -> None:
    id = world.start()
    mode, home = world.folder(id).run.stat(), world.folder(id).home.stat()
    assert oct(mode.st_mode & 0o7777) == "0o2770"
    assert oct(home.st_mode & 0o7777) == "0o700"
    assert mode.st_uid == home.st_uid >= 61000


@as_root
def test_it_cannot_reach_the_loopback_of_this_machine(world: LocalWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        knock = (
            "import socket\n"
            "for host in ('127.0.0.1', '10.0.2.2'):\n"
            f"    try: socket.create_connection((host, {port}), 3); print('open')\n"
            "    except OSError as error: print('closed')\n"
        )
        id = world.start(
            "until grep -q tap0 /proc/net/route; do sleep 0.02; done\n"
            f'/usr/bin/python3 -c "{knock}" >a; mv a answer'
        )
        assert world.answer(id).split() == ["closed", "closed"]
    assert "network" not in look(world.driver, id).limits


@as_root
def test_a_network_that_could_not_be_made_is_named(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "slirp4netns").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "slirp4netns").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin"
    told = sandbox.environment
    monkeypatch.setattr(sandbox, "environment", lambda *a, **k: told(*a, **k) | {"PATH": path})
    id = world.start()
    eventually(lambda: "network" in look(world.driver, id).limits)


def _skip_without(kind: str) -> None:
    limits = cgroups.Limits(memory_mib=64, cpu_millis=1000)
    groups, missing = cgroups.make(probe := uuid4(), limits)
    cgroups.remove(probe)
    if not groups or kind in missing:
        pytest.skip(f"this machine cannot limit {kind}")


def test_who_takes_too_much_memory_is_ended_and_the_desktop_lives(world: LocalWorld) -> None:
    _skip_without("memory")
    hog = "/usr/bin/python3 -c 'x = bytearray(600 << 20); print(len(x))'; echo $? >answer"
    id = world.start(hog, memory_mib=200)
    assert world.answer(id).strip() == "137"
    assert look(world.driver, id).observed == Observed.READY
    assert "memory" not in look(world.driver, id).limits


def test_a_fork_bomb_stays_in_its_own_room(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    _skip_without("processes")
    monkeypatch.setattr(cgroups, "PROCESSES_MAX", 100)
    id = world.start("while sleep 1000 & do :; done; sleep 1000")
    eventually(lambda: len(world.processes(id)) >= 95)
    assert len(world.processes(id)) <= 100
    assert look(world.driver, id).observed == Observed.READY
    world.driver.stop(id)
    assert world.processes(id) == []


def test_each_place_sees_its_own_card_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    monkeypatch.setattr(cards, "DEV", tmp_path)
    seen = [[path.name for path in cards.of_place(slot, wanted=1)] for slot in range(4)]
    shared = ["nvidiactl", "nvidia-uvm"]
    assert seen == [["nvidia0", *shared], ["nvidia1", *shared], ["nvidia10", *shared], []]
    assert cards.of_place(0, wanted=0) == []


# --- Hearing ------------------------------------------------------------------------------------


class Ear:
    """The watch process: listens in a thread of its own, with a driver of its own."""

    def __init__(self, driver: Driver) -> None:
        self.heard: list[tuple[float, UUID | None]] = []
        self.changes = driver.changes()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for change in self.changes:
            self.heard.append((time.monotonic(), change.id))

    def last(self, id: UUID) -> float:
        return max((at for at, heard in self.heard if heard == id), default=0.0)


def test_the_watch_hears_at_once_what_the_worker_did(world: LocalWorld) -> None:
    ear = Ear(world.restarted())
    spec = a_spec()
    eventually(lambda: threading.active_count() > 1)
    time.sleep(0.1)  # the thread has its ears up; nothing tells us when
    world.driver.start(spec)
    world.becomes_ready(spec.id)
    eventually(lambda: ear.last(spec.id), what="the start")

    killed_at = time.monotonic()
    os.kill(world.state(spec.id).pid, signal.SIGKILL)
    eventually(lambda: ear.last(spec.id) > killed_at, seconds=5, what="the death")
    assert ear.last(spec.id) - killed_at < 0.5

    stopped_at = time.monotonic()
    world.driver.stop(spec.id)
    eventually(lambda: ear.last(spec.id) > stopped_at, seconds=5, what="the stop")


def test_a_noisy_desktop_cannot_keep_the_watch_busy(world: LocalWorld) -> None:
    id = world.start(
        "cd $DESK_RUN; while :; do cp progress.json x; mv x progress.json; done 2>/dev/null"
    )
    ear = Ear(world.restarted())
    time.sleep(2.0)  # a while of noise
    assert 1 <= len(ear.heard) <= 31
    world.driver.stop(id)
