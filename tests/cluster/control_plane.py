"""etcd, API server, controller manager and scheduler as processes on free loopback ports."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.cluster import build
from tests.cluster.api import Api
from tests.cluster.certificates import Authority, signing_key
from tests.cluster.processes import Failed, Process
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
# How long pods stay on a node that is not heard of any more; a real cluster says 300.
UNREACHABLE_TOLERATION_S = 5


class ControlPlane:
    """Everything it writes lies in its folder; without one given, in one that goes with it."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        address: str = "127.0.0.1",
        api_server_flags: Sequence[str] = (),
        unreachable_toleration_s: int = UNREACHABLE_TOLERATION_S,
    ) -> None:
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="atelier-cluster-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.kubeconfig = self.folder / "admin.kubeconfig"
        self.processes: list[Process] = []
        self._api_server_flags = [
            *api_server_flags,
            f"--default-unreachable-toleration-seconds={unreachable_toleration_s}",
            f"--default-not-ready-toleration-seconds={unreachable_toleration_s}",
        ]
        self._api: Api | None = None
        self._pki = self.folder / "pki"

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def api(self) -> Api:
        """As the administrator."""
        if self._api is None:
            self._api = Api(self.kubeconfig, connections=16)
        return self._api

    @property
    def authority_path(self) -> Path:
        return self.authority.path

    def __enter__(self) -> ControlPlane:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- Life ------------------------------------------------------------------------------------

    def start(self) -> None:
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            build.command(name)  # build first: what follows has deadlines
        for attempt in range(_TRIES):
            try:
                self._start()
                return
            except Failed as error:
                self._stop_processes()
                if attempt == _TRIES - 1 or "address already in use" not in str(error):
                    self._forget_folder()
                    raise
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

    def stop(self) -> None:
        """The API server before etcd: without it, it hangs on its way out."""
        self._stop_processes()
        self._forget_folder()

    def _stop_processes(self) -> None:
        while self.processes:
            process = self.processes.pop()
            # Nothing is kept: only etcd, which others write to, needs an orderly end of its turn.
            process.kill()

    def _forget_folder(self) -> None:
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def restart_api_server(self, *, grace_s: float = 1, down_s: float = 0) -> None:
        """As in an upgrade: told to end, ended after its grace, back at the same address.

        (It never ends by itself while somebody watches.)
        """
        running = self.process("kube-apiserver")
        place = self.processes.index(running)
        running.stop(seconds=grace_s)
        time.sleep(down_s)
        self._start_api_server(place)

    def process(self, name: str) -> Process:
        return next(one for one in self.processes if one.name == name)

    def run(self, name: str, *arguments: str, place: int | None = None) -> Process:
        """One more program of the cluster, which ends before those that were started earlier."""
        words = [*build.command(name), *arguments]
        process = Process(name, words, self.folder / f"{name}.log")
        if place is None:
            self.processes.append(process)
        else:
            self.processes[place] = process
        return process

    # --- Who may speak to it ---------------------------------------------------------------------

    def kubeconfig_of(self, name: str, user: dict[str, str]) -> Path:
        """A kubeconfig file for this user (certificate or token)."""
        authority = base64.b64encode(self.authority.path.read_bytes()).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.server, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
            "current-context": name,
        }
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

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

    def token_for(self, namespace: str, account: str, *, seconds: int = 7200) -> str:
        """What a pod of this service account would be given."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(self.api.post(path, asked)["status"]["token"])

    def kubeconfig_for(self, namespace: str, account: str) -> Path:
        """A kubeconfig that speaks as this service account."""
        return self.kubeconfig_of(account, {"token": self.token_for(namespace, account)})

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
