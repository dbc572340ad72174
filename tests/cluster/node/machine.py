"""A node that is real: kubelet on this machine, with pretend graphics cards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.node import images, stock
from tests.cluster.node.runtime import Runtime
from tests.cluster.nodes import A4000
from tests.cluster.processes import Process
from tests.running import eventually

NAME = "desk-node"
ADDRESS = "10.87.0.1"  # of this world alone
CARDS = 2
INODES = 20_000
_KUBELET = Path("/var/lib/kubelet")
# What kubelet would otherwise write for the whole machine: it finds there what it wants.
_KERNEL = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


class RealNode:
    """To be used within a world of its own (see world.py). Ends with its control plane."""

    def __init__(self, plane: ControlPlane, *, cgroup: str) -> None:
        self.plane, self.cgroup = plane, cgroup
        self.folder = plane.folder / "node"
        self.disks = plane.folder / "disks"
        self.scratch = self.folder / "kubelet"
        self.runtime = Runtime(self.folder / "containerd", stock.place(cgroup))
        self._kubelet: Process | None = None

    def start(self, *archives: Path) -> None:
        self.folder.mkdir(parents=True)
        # Large enough for what pods ask for, and yet soon full where a test wants that.
        self.scratch.mkdir()
        _run(
            "mount", "-t", "tmpfs", "-o", f"size=200G,nr_inodes={INODES}", "own", str(self.scratch)
        )
        self._shield_kernel()
        self._own_var_lib()
        _address()
        stock.furnish(self.runtime, [images.pack(self.folder), *archives])
        self.plane.processes.append(self.runtime.start())
        self._prepare()
        self.start_kubelet()
        # Kubelet empties the folder when it starts: whoever had come before would not be found.
        eventually(
            (_KUBELET / "device-plugins" / "kubelet.sock").exists, what="kubelet's device manager"
        )
        self.plane.run("device-plugin", f"--count={CARDS}")
        eventually(self.ready, seconds=60, what="a node that is ready and has cards")

    def start_kubelet(self, **settings: Any) -> None:
        """Once more, perhaps with other settings; what runs goes on running."""
        path = self.folder / "kubelet.json"
        path.write_text(json.dumps(self._settings() | settings))
        if self._kubelet is not None:
            self._kubelet.stop()
            self.plane.processes.remove(self._kubelet)
        labels = ",".join(f"{key}={value}" for key, value in A4000.labels().items())
        self._kubelet = self.plane.run(
            "kubelet",
            f"--config={path}",
            f"--kubeconfig={self.plane.folder / 'kubelet.kubeconfig'}",
            f"--root-dir={self.scratch}",
            f"--cert-dir={self.folder / 'kubelet-pki'}",
            f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
            f"--node-labels={labels}",
        )

    def ready(self) -> bool:
        node = self.plane.api.find(f"/api/v1/nodes/{NAME}")
        if node is None or node["spec"].get("taints"):
            return False
        conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        cards = node["status"].get("allocatable", {}).get("nvidia.com/gpu", "0")
        return conditions.get("Ready") == "True" and cards == str(CARDS)

    def last_registration(self) -> int:
        """Of the device plug-in: its socket is a new one each time."""
        path = _KUBELET / "device-plugins" / "pretend-gpu.sock"
        return path.stat().st_ino if path.exists() else 0

    def _prepare(self) -> None:
        name = f"system:node:{NAME}"
        self.plane.kubeconfig_with_certificate("kubelet", name, ["system:nodes"])
        self.plane.authority.issue("kubelet-server", NAME, addresses=[NAME, ADDRESS])
        (self.folder / "resolv.conf").write_text("")

    def _settings(self) -> dict[str, Any]:
        pki = self.plane.authority.folder
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "healthzPort": 0,
            "tlsCertFile": str(pki / "kubelet-server.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.plane.authority_path)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self.runtime.socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "resolvConf": str(self.folder / "resolv.conf"),
            # The disk is whatever this machine has left; a full one is another test's matter.
            "evictionHard": {"memory.available": "50Mi", "nodefs.inodesFree": "5%"},
            "evictionPressureTransitionPeriod": "1s",
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": True,
            "nodeStatusUpdateFrequency": "2s",
            "volumeStatsAggPeriod": "2s",
            "maxPods": 20,
        }

    def _shield_kernel(self) -> None:
        for name, value in _KERNEL.items():
            own = self.folder / name.replace("/", "-")
            own.write_text(f"{value}\n")
            _run("mount", "--bind", str(own), f"/proc/sys/{name}")

    def _own_var_lib(self) -> None:
        """Kubelet's folder for device plug-ins has a fixed name: one that only we see."""
        upper, work = self.folder / "var-lib", self.folder / "var-lib-work"
        upper.mkdir()
        work.mkdir()
        layers = f"lowerdir=/var/lib,upperdir={upper},workdir={work}"
        _run("mount", "-t", "overlay", "-o", layers, "own", "/var/lib")
        _KUBELET.mkdir(exist_ok=True)
        _run(
            "mount", "-t", "tmpfs", "own", str(_KUBELET)
        )  # and not what lies there on this machine


def _address() -> None:
    """Of the node: a bridge without ports, because kubelet takes no loopback address."""
    for words in (
        ("link", "add", "node0", "type", "bridge"),
        ("address", "add", f"{ADDRESS}/24", "dev", "node0"),
        ("link", "set", "node0", "up"),
    ):
        _run("ip", *words)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
