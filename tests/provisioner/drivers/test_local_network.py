"""A desktop on one machine reaches the Internet and nothing nearer: seen from inside one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.drivers.local import firewall, sandbox
from tests.provisioner.drivers import network_world
from tests.provisioner.drivers.contract import look
from tests.provisioner.drivers.local_world import LocalWorld, as_root
from tests.running import ROOT, eventually

needs_network = pytest.mark.skipif(
    not sandbox.has_network(), reason="no slirp4netns or /dev/net/tun here"
)


@pytest.fixture
def world_here(data: Path) -> Iterator[LocalWorld]:
    world = LocalWorld(data)
    yield world
    world.end()


def world(folder: Path, *words: str) -> dict[str, dict[str, str]]:
    module = "tests.provisioner.drivers.network_world"
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", module, str(folder), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.desktop
@as_root
@needs_network
def test_nothing_near_answers_to_a_desktop_and_the_internet_does(data: Path) -> None:
    seen = world(data)
    near = {"the sandbox's gateway"}  # nobody but a desktop has one
    assert {name for name, how in seen["machine"].items() if how == "open"} == (
        set(network_world.EVERYWHERE) - near
    )
    reached = {name for name, how in seen["desktop"].items() if how == "open"}
    assert reached == {"the Internet"}


@pytest.mark.desktop
@as_root
@needs_network
def test_it_is_the_rules_that_keep_it_from_them(data: Path) -> None:
    """Without them a desktop reaches the machine's other addresses, its office, its cloud."""
    reached = {name for name, how in world(data, "--open")["desktop"].items() if how == "open"}
    assert reached >= {"the Internet", "the machine", "10/8", "a cloud's metadata", "192.168/16"}


@pytest.mark.desktop
@as_root
@needs_network
def test_without_rules_there_is_no_network(
    world_here: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firewall, "rules", lambda _version, **_: "no rules\n")
    id = world_here.start("sleep 1; cat /proc/net/route >a; mv a answer")
    eventually(lambda: "network" in look(world_here.driver, id).limits)
    assert "tap0" not in world_here.answer(id)


def test_what_an_operator_allows_comes_before_what_is_denied() -> None:
    v4 = firewall.rules(4, own=["203.0.113.9", "2001:db8::9"], allowed=["192.168.1.20"])
    lines = v4.splitlines()
    allowed = lines.index("-A OUTPUT -d 192.168.1.20/32 -j ACCEPT")
    assert allowed < lines.index("-A OUTPUT -d 192.168.0.0/16 -j REJECT")
    assert "-A OUTPUT -d 203.0.113.9/32 -j REJECT" in lines
    assert "2001:db8::9" not in v4
    assert "-A OUTPUT -d 2001:db8::9/128 -j REJECT" in firewall.rules(6, own=["2001:db8::9"])


def test_an_address_that_is_none_stops_the_start() -> None:
    with pytest.raises(ValueError, match="office"):
        firewall.rules(4, own=[], allowed=["office"])
