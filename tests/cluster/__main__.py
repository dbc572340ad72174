"""A cluster for hand use, until Ctrl-C: `./dev cluster [--nodes N]`, `./dev up --cluster`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.cluster import build, chart, nodes
from tests.cluster.access import Cluster
from tests.cluster.fixtures import running
from tests.cluster.nodes import Machine
from tests.cluster.processes import Failed
from tests.running import ROOT

RELEASE, NAMESPACE = "atelier", "atelier-system"
_TOKEN_S = 7 * 24 * 3600


def main() -> int:
    options = _options()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if not build.built_path().exists():
        print("Building Kubernetes (once; some minutes) …", flush=True)
    print("Starting a cluster …", flush=True)
    try:
        with running(_machines(options.nodes)) as cluster:
            chart.apply_accounts(cluster.kubeconfig, RELEASE, NAMESPACE)
            _introduce(cluster, options.nodes)
            if options.command == "up" and not stopping.is_set():
                return _platform(cluster, stopping)
            stopping.wait()
    except (build.Unavailable, build.BuildFailed, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev cluster", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["up"], help=argparse.SUPPRESS)
    parser.add_argument("--nodes", type=int, default=20, help="fake nodes, 1 to 2000 (20)")
    options = parser.parse_args()
    if not 1 <= options.nodes <= 2000:
        parser.error("--nodes: a number from 1 to 2000")
    return options


def _machines(count: int) -> list[tuple[Machine, int]]:
    """Nearly all with cards: of each product its share, and the rest A4000."""
    shares = [(nodes.A2000, 20), (nodes.RTX_4090, 30), (nodes.L4, 10), (nodes.PLAIN, 10)]
    found = [(machine, count * percent // 100) for machine, percent in shares]
    return [*found, (nodes.A4000, count - sum(number for _, number in found))]


def _introduce(cluster: Cluster, count: int) -> None:
    worker = cluster.kubeconfig_for(NAMESPACE, f"{RELEASE}-worker", seconds=_TOKEN_S)
    print(
        f"""
Kubernetes {build.KUBERNETES} with {count} nodes that do not exist: pods there only seem to run.

  export KUBECONFIG={cluster.kubeconfig}      administrator
  export KUBECONFIG={worker}      the platform's worker
  alias kubectl='{" ".join(build.command("kubectl"))}'

It listens on this machine alone, and goes with everything in it on Ctrl-C.
""",
        flush=True,
    )


def _platform(cluster: Cluster, stopping: threading.Event) -> int:
    """The platform beside it. Its data is kept; the cluster, with all disks, is new every time."""
    data = Path(os.environ.get("ATELIER_DATA") or ROOT / ".cache" / "cluster")
    data.mkdir(parents=True, exist_ok=True)
    env = os.environ | {
        "ATELIER_DATA": str(data),
        "ATELIER_DRIVER": "kubernetes",
        "ATELIER_KUBECONFIG": str(cluster.folder / f"{RELEASE}-worker.kubeconfig"),
        "ATELIER_KUBE_PREFIX": RELEASE,
        "ATELIER_KUBE_IMAGE_REGISTRY": "registry.test",
        "ATELIER_KUBE_GATEWAY_NAMESPACE": NAMESPACE,
        "ATELIER_KUBE_WORKER_ACCOUNT": f"{NAMESPACE}/{RELEASE}-worker",
    }
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "INT", "--", sys.executable, "-m", "portal.supervisor", "up"],
        cwd=ROOT,
        env=env,
        start_new_session=True,  # Ctrl-C reaches us alone; the platform goes before its cluster
    )
    while child.poll() is None:
        if stopping.wait(0.2):
            child.send_signal(signal.SIGINT)
            child.wait()
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
