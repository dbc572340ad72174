"""What is inside a desktop cannot see, reach or exhaust what is outside of it."""

from __future__ import annotations

import socket
from pathlib import Path
from uuid import uuid4

import pytest

from provisioner.drivers.local import cards, cgroups, sandbox
from provisioner.states import Observed
from tests.provisioner.drivers.contract import look
from tests.provisioner.drivers.local_world import LocalWorld, as_root, needs_sandbox
from tests.running import eventually

pytestmark = [pytest.mark.desktop, needs_sandbox]


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
