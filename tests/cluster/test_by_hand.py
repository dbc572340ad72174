"""`./dev cluster` and `./dev up --cluster`, as people use them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.access import Cluster
from tests.cluster.api import Api
from tests.desks import Desks
from tests.running import ROOT, Platform, eventually

pytestmark = [pytest.mark.cluster, pytest.mark.servers]


@contextmanager
def begun(platform: Platform, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", *words],
            cwd=ROOT,
            env=platform.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()  # its children have asked the kernel to tell them
        process.wait(30)


def kubeconfig_in(log: Path) -> Path | None:
    found = re.search(r"KUBECONFIG=(\S+)\s+administrator", log.read_text())
    return Path(found[1]) if found else None


@pytest.fixture
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform()
    yield platform
    platform.end()


def test_a_cluster_for_hand_use(cluster: Cluster, platform: Platform, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with begun(platform, log, "--nodes", "12") as process:
        path = eventually(lambda: kubeconfig_in(log), seconds=60, what="kubeconfig")
        assert len(Api(path).list("/api/v1/nodes")) == 12
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not path.exists()


def test_how_many_nodes_is_checked(cluster: Cluster, platform: Platform, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with begun(platform, log, "--nodes", "0") as process:
        assert process.wait(30) == 2
    assert "from 1 to 2000" in log.read_text()


def test_the_platform_on_a_cluster(cluster: Cluster, platform: Platform, tmp_path: Path) -> None:
    """Launched on a page, it runs as a pod; Ctrl-C ends the platform and then its cluster."""
    log = tmp_path / "log"
    with begun(platform, log, "up", "--nodes", "10") as process:
        eventually(lambda: b"is running" in log.read_bytes(), seconds=110, what="the platform")
        desks = Desks.of(platform)
        desk = desks.launch()
        eventually(lambda: desks.get(desk)["status"] == "running", seconds=30, what="the desktop")
        path = kubeconfig_in(log)
        assert path
        pods = Api(path).list("/api/v1/pods", labelSelector="app.kubernetes.io/managed-by=atelier")
        assert [pod["metadata"]["name"] for pod in pods] == [f"d-{desk.replace('-', '')}"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    assert not path.exists()
