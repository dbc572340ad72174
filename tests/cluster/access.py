"""A cluster as tests hold it: who may speak to it, and the programs that run beside it."""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

import yaml

from tests.cluster import build
from tests.cluster.api import Api, named, pem_in
from tests.cluster.processes import Process

FOLDER_PREFIX = "atelier-cluster-"


class Cluster:
    """What is written for it lies in its folder: a given one, or one that goes with it."""

    def __init__(self, kubeconfig: Path | None = None, folder: Path | None = None) -> None:
        self._own_folder = folder is None
        if folder is None:
            sweep()
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder)
        self.kubeconfig = kubeconfig or self.folder / "admin.kubeconfig"
        self.processes: list[Process] = []
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        """As the administrator."""
        if self._api is None:
            self._api = Api(self.kubeconfig, connections=16)
        return self._api

    def start(self) -> None:
        """Somebody else has."""

    def stop(self) -> None:
        """Its programs, the last first, and what lies in its folder."""
        while self.processes:
            self.processes.pop().kill()  # nothing is to last, so nobody needs time to tidy up
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- Its programs ----------------------------------------------------------------------------

    def run(self, name: str, *arguments: str, place: int | None = None) -> Process:
        """One more program, which ends before those that were started earlier."""
        words = [*build.command(name), *arguments]
        process = Process(name, words, self.folder / f"{name}.log")
        if place is None:
            self.processes.append(process)
        else:
            self.processes[place] = process
        return process

    def process(self, name: str) -> Process:
        return next(one for one in self.processes if one.name == name)

    # --- Who may speak to it ---------------------------------------------------------------------

    def connection(self) -> dict[str, str]:
        """How to reach and trust it, in a kubeconfig's words."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        context = named(document["contexts"], document["current-context"])["context"]
        cluster = dict(named(document["clusters"], context["cluster"])["cluster"])
        if authority := pem_in(cluster, "certificate-authority"):
            cluster.pop("certificate-authority", None)
            cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
        return cluster

    def kubeconfig_of(self, name: str, user: dict[str, str]) -> Path:
        """A kubeconfig file for this user (certificate or token)."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": self.connection()}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
            "current-context": name,
        }
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def token_for(self, namespace: str, account: str, *, seconds: int = 7200) -> str:
        """What a pod of this service account would be given."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(self.api.post(path, asked)["status"]["token"])

    def kubeconfig_for(self, namespace: str, account: str, *, seconds: int = 7200) -> Path:
        """A kubeconfig that speaks as this service account."""
        token = self.token_for(namespace, account, seconds=seconds)
        return self.kubeconfig_of(account, {"token": token})


def sweep() -> None:
    """Folders whose owner was killed. (Its programs died with it.)"""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if (lock := _lock(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """The folder is ours while we hold this; the kernel lets go of it when we die."""
    try:
        file = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
