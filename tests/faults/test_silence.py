"""Streams that say nothing any more, at the length that the product promises: a connection that is
open and silent is left within 80 s, a peer that is not there any more within 35 s.

Both at once as far as they can be: each is a wait for the promise to come true.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from provisioner.drivers.kubernetes import streams
from tests.cluster.control_plane import ControlPlane
from tests.faults.kube_proxy import FaultProxy
from tests.faults.scene import Scene
from tests.faults.test_watch import STREAMS, listens, world_moves
from tests.faults.watching import WatchProcess
from tests.running import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

SILENT_STREAM_S, DEAD_PEER_S = 80, 35
CLONE_NEWNET = 0x40000000
_NEEDED = ("unshare", "nsenter", "iptables", "ip")


def running(scene: Scene) -> list[UUID]:
    ids = [scene.launch(f"Desktop {number}") for number in range(3)]
    scene.work()
    scene.written(dict.fromkeys(ids, "ready"))
    return ids


def test_a_silent_stream_is_left(scene: Scene, proxy: FaultProxy) -> None:
    assert streams.SILENCE_S < SILENT_STREAM_S
    with WatchProcess(scene.world, proxy.kubeconfig(scene.world.kubeconfig)) as watch:
        listens(proxy)
        ids = running(scene)
        assert proxy.silence() == STREAMS
        now = world_moves(scene, ids)
        assert not watch.said("watch.interrupted"), "nothing has been noticed yet"
        scene.written(now, seconds=SILENT_STREAM_S)
        assert watch.said("watch.interrupted")
    scene.nothing_wrong_was_written(ids)


# --- A peer that is not there any more ----------------------------------------------------------


@dataclass
class Elsewhere:
    """A network of its own, whose cable can be cut."""

    pid: int

    @property
    def inside(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, *words: str) -> None:
        subprocess.run([*self.inside, *words], check=True, capture_output=True)

    def listener(self) -> socket.socket:
        """A socket that listens in there; whoever has it may serve it from here."""
        found: list[socket.socket] = []

        def make() -> None:  # in a thread of its own, which alone moves there
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{self.pid}/ns/net") as there:
                if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(socket.create_server(("127.0.0.1", 0)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join(10)
        [one] = found
        return one

    def cut(self, port: int) -> None:
        """Nothing passes any more, neither way, and nobody is told."""
        for side in ("--dport", "--sport"):
            self.run("iptables", "-I", "INPUT", "-p", "tcp", side, str(port), "-j", "DROP")

    def mend(self) -> None:
        self.run("iptables", "-F", "INPUT")


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        reason = f"these are missing: {missing}" if missing else "only root cuts a network"
        pytest.skip(f"no network of its own here: {reason}")
    keeper = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "sleep", "300"]
    )
    try:
        home = os.readlink("/proc/self/ns/net")
        eventually(
            lambda: os.readlink(f"/proc/{keeper.pid}/ns/net") != home, what="a network of its own"
        )
        there = Elsewhere(keeper.pid)
        there.run("ip", "link", "set", "lo", "up")
        yield there
    finally:
        keeper.kill()
        keeper.wait(10)


def test_a_dead_peer_is_left(
    scene: Scene, control_plane: ControlPlane, elsewhere: Elsewhere
) -> None:
    listener = elsewhere.listener()
    port = listener.getsockname()[1]
    with FaultProxy(control_plane, listener=listener) as proxy:
        config = proxy.kubeconfig(scene.world.kubeconfig)
        with WatchProcess(scene.world, config, inside=elsewhere.inside) as watch:
            listens(proxy)
            ids = running(scene)
            elsewhere.cut(port)
            cut_s = time.monotonic()
            now = world_moves(scene, ids)
            eventually(
                lambda: watch.said("watch.interrupted"), seconds=DEAD_PEER_S, what="its noticing"
            )
            assert time.monotonic() - cut_s < DEAD_PEER_S
            elsewhere.mend()
            scene.written(now, seconds=60)
    scene.nothing_wrong_was_written(ids)
