"""Whatever dies, and whenever: nothing of a desktop is left behind, and it comes right again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.local import cgroups, processes
from provisioner.states import Observed
from tests.provisioner.drivers.contract import a_spec, look
from tests.provisioner.drivers.local_world import HIDING, LocalWorld, needs_sandbox
from tests.running import eventually

pytestmark = [pytest.mark.desktop, needs_sandbox]


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
from tests.provisioner.drivers.local_world import ROOMS, LocalDriver, a_spec

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


@pytest.mark.parametrize("where", ["claimed", "furnished"])
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


def test_a_desktop_whose_worker_died_before_it_knew_who_that_was_is_adopted(
    world: LocalWorld,
) -> None:
    id = uuid4()
    _worker_dies(world, id, "spawned")
    assert world.state(id).pid == 0
    world.becomes_ready(id)
    world.driver.start(a_spec(id, generation=2))
    assert look(world.driver, id).generation == 1
    world.driver.stop(id)
    assert world.processes(id) == []


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
    assert world.driver.survey().seen == ()
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
