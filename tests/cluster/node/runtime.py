"""containerd with a folder, a socket and a network of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cluster.node import images
from tests.cluster.processes import Process

CNI_PROGRAMS = Path("/usr/lib/cni")
PODS = "10.88.0.0/24"
START_WITHIN_S = 30
_SETTINGS = """\
version = 2
root = "{root}"
state = "{folder}/state"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Without CAP_SYS_RESOURCE nobody may make a process harder to kill than oneself.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{programs}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "runc"
      SystemdCgroup = false
"""


class Runtime:
    """What is written lies in `folder`; images and all that is made of them in `root`."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.socket = folder / "containerd.sock"

    def start(self) -> Process:
        (self.folder / "cni").mkdir(parents=True, exist_ok=True)
        (self.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(self._network()))
        path = self.folder / "config.toml"
        path.write_text(
            _SETTINGS.format(
                root=self.root,
                folder=self.folder,
                socket=self.socket,
                pause=images.PAUSE,
                programs=CNI_PROGRAMS,
            )
        )
        log = self.folder / "containerd.log"
        process = Process("containerd", ["containerd", "--config", str(path)], log)
        process.wait_until(self._answers, seconds=START_WITHIN_S)
        return process

    def bring(self, archive: Path) -> None:
        """Images from a docker archive, unpacked."""
        self.ctr("images", "import", str(archive))

    def ctr(self, *words: str) -> str:
        done = subprocess.run(
            ["ctr", "--address", str(self.socket), "--namespace", "k8s.io", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"ctr {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def _answers(self) -> bool:
        words = ["ctr", "--address", str(self.socket), "--connect-timeout", "1s", "version"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def _network(self) -> dict[str, object]:
        """A bridge to this world's own end; it leads nowhere else."""
        leases = str(self.folder / "leases")
        ranges = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "dataDir": leases}
        routes = [{"dst": "0.0.0.0/0"}]
        bridge = {
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": True,
            "ipMasq": False,
            "ipam": ranges | {"routes": routes},
        }
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
