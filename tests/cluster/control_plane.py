"""etcd, API server, controller manager and scheduler as processes on free loopback ports."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import build
from tests.cluster.access import Cluster
from tests.cluster.certificates import Authority, signing_key
from tests.cluster.processes import Failed
from tests.running import free_port

START_WITHIN_S = 60
_TRIES = 3  # somebody may take a port between our finding and our using it
_SCHEDULER = {
    "apiVersion": "kubescheduler.config.k8s.io/v1",
    "kind": "KubeSchedulerConfiguration",
    "leaderElection": {"leaderElect": False},
}
# Their stock limits (50 and 20 requests a second) would be what is measured, not us.
_QPS, _BURST = 2000, 4000
# After so long a silence a node is lost; kwok.py says why so long.
NODE_GRACE_S = 200
# How long pods stay on a node that is not heard of any more; a real cluster says 300.
UNREACHABLE_TOLERATION_S = 5


class ControlPlane(Cluster):
    """Ends whatever happens; `stop` ends the API server before etcd, without which it hangs."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        address: str = "127.0.0.1",
        api_server_flags: Sequence[str] = (),
        unreachable_toleration_s: int = UNREACHABLE_TOLERATION_S,
    ) -> None:
        super().__init__(folder=folder)
        self.address = address
        self._api_server_flags = [
            *api_server_flags,
            f"--default-unreachable-toleration-seconds={unreachable_toleration_s}",
            f"--default-not-ready-toleration-seconds={unreachable_toleration_s}",
        ]
        self._pki = self.folder / "pki"

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    def connection(self) -> dict[str, str]:
        authority = base64.b64encode(self.authority.path.read_bytes()).decode()
        return {"server": self.server, "certificate-authority-data": authority}

    @property
    def authority_path(self) -> Path:
        return self.authority.path

    # --- Life ------------------------------------------------------------------------------------

    def start(self) -> None:
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            build.command(name)  # build first: what follows has deadlines
        for attempt in range(_TRIES):
            try:
                self._start()
                return
            except Failed as error:
                if attempt == _TRIES - 1 or "address already in use" not in str(error):
                    self.stop()
                    raise
                while self.processes:
                    self.processes.pop().kill()
            except BaseException:
                self.stop()
                raise

    def _start(self) -> None:
        self.port, self._etcd_port, self._etcd_peer_port = free_port(), free_port(), free_port()
        self._api = None
        self._prepare()
        self._start_etcd()
        self._start_api_server()
        self._start_controllers()
        self._start_scheduler()
        self.processes[-1].wait_until(self._complete, seconds=START_WITHIN_S)

    def restart_api_server(self, *, grace_s: float = 1, down_s: float = 0) -> None:
        """As in an upgrade: told to end, ended after its grace, back at the same address.

        (It never ends by itself while somebody watches.)
        """
        running = self.process("kube-apiserver")
        place = self.processes.index(running)
        running.stop(seconds=grace_s)
        time.sleep(down_s)
        self._start_api_server(place)

    def kubeconfig_with_certificate(
        self, name: str, common_name: str, groups: Sequence[str] = ()
    ) -> Path:
        certificate, key = self.authority.issue(name, common_name, groups=groups)
        return self.kubeconfig_of(
            name,
            {
                "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
                "client-key-data": base64.b64encode(key.read_bytes()).decode(),
            },
        )

    # --- Its parts -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.authority = Authority(self._pki)
        names = ("localhost", "kubernetes", "kubernetes.default.svc", "127.0.0.1", "::1")
        self.authority.issue(
            "apiserver", "kube-apiserver", addresses={*names, self.address, "10.96.0.1"}
        )
        self.authority.issue("apiserver-kubelet", "kube-apiserver", groups=["system:masters"])
        signing_key(self._pki / "accounts.key", self._pki / "accounts.pub")
        admin = self.kubeconfig_with_certificate("admin", "admin", ["system:masters"])
        assert admin == self.kubeconfig
        for name in ("kube-controller-manager", "kube-scheduler"):
            self.kubeconfig_with_certificate(name, f"system:{name}")

    def _start_etcd(self) -> None:
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)
        own, peer = (f"http://127.0.0.1:{p}" for p in (self._etcd_port, self._etcd_peer_port))
        self.run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={own}",
            f"--advertise-client-urls={own}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # nothing is to last
            "--log-level=warn",
            "--quota-backend-bytes=4294967296",
        )

    def _start_api_server(self, place: int | None = None) -> None:
        process = self.run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none",  # Endpoints may not hold a loopback address
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",  # beside the stock ones
            "--allow-privileged=true",
            f"--client-ca-file={self._pki / 'ca.crt'}",
            f"--tls-cert-file={self._pki / 'apiserver.crt'}",
            f"--tls-private-key-file={self._pki / 'apiserver.key'}",
            f"--kubelet-client-certificate={self._pki / 'apiserver-kubelet.crt'}",
            f"--kubelet-client-key={self._pki / 'apiserver-kubelet.key'}",
            f"--kubelet-certificate-authority={self._pki / 'ca.crt'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._pki / 'accounts.pub'}",
            f"--service-account-signing-key-file={self._pki / 'accounts.key'}",
            "--profiling=false",
            *self._api_server_flags,
            place=place,
        )
        process.wait_until(self._ready, seconds=START_WITHIN_S)

    def _start_controllers(self) -> None:
        self.run(
            "kube-controller-manager",
            f"--kubeconfig={self.folder / 'kube-controller-manager.kubeconfig'}",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._pki / 'accounts.key'}",
            f"--root-ca-file={self._pki / 'ca.crt'}",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
            f"--kube-api-qps={_QPS}",
            f"--kube-api-burst={_BURST}",
            f"--node-monitor-grace-period={NODE_GRACE_S}s",
            "--node-monitor-period=1s",  # how soon a lost node is tainted
        )

    def _start_scheduler(self) -> None:
        path = self.folder / "scheduler.yaml"
        connection = {
            "kubeconfig": str(self.folder / "kube-scheduler.kubeconfig"),
            "qps": _QPS,
            "burst": _BURST,
        }
        path.write_text(json.dumps(_SCHEDULER | {"clientConnection": connection}))
        self.run("kube-scheduler", f"--config={path}", "--secure-port=0", "--profiling=false")

    def _ready(self) -> bool:
        try:
            return self.api.call("GET", "/readyz", timeout_s=2) == "ok"
        except Exception:
            return False

    def _complete(self) -> bool:
        """The controllers work: there is the account without which no pod may be made."""
        return self.api.find("/api/v1/namespaces/default/serviceaccounts/default") is not None
