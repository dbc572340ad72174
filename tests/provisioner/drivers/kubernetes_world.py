"""One installation of its own in the test cluster, spoken to as the chart's own worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.driver import KubernetesDriver
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.errors import DriverUnavailable
from provisioner.states import Observed
from tests.cluster.access import Cluster
from tests.cluster.chart import apply_accounts
from tests.provisioner.drivers.contract import TENANT, look
from tests.running import eventually


class KubernetesWorld:
    """One installation of its own in the cluster, with the rights that the chart gives it."""

    capacity = 3

    def __init__(self, cluster: Cluster, *, tenant: UUID = TENANT, **site: Any) -> None:
        self.cluster, self.tenant = cluster, tenant
        self.prefix = f"c{uuid4().hex[:8]}"
        home = f"{self.prefix}-system"
        apply_accounts(cluster.kubeconfig, release=self.prefix, namespace=home)
        self.kubeconfig = cluster.kubeconfig_for(home, f"{self.prefix}-worker")
        self.site = Site(
            prefix=self.prefix,
            worker_account=(home, f"{self.prefix}-worker"),
            gateway_namespace=home,
            **site,
        )
        self.driver: KubernetesDriver = self.restarted()

    def left(self, kind: str) -> list[str]:
        """Names of what there is of this kind, of any desktop."""
        path = f"/api/v1/namespaces/{self.namespace}/{kind}"
        found = self.cluster.api.list(path, labelSelector=names.selector(self.prefix))
        return [one["metadata"]["name"] for one in found]

    def restarted(self) -> KubernetesDriver:
        return KubernetesDriver(Client(self.kubeconfig), self.site)

    def becomes_ready(self, id: UUID) -> None:
        eventually(
            lambda: look(self.driver, id).observed == Observed.READY, seconds=30, what="ready"
        )

    def dies(self, id: UUID) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{names.pod(id)}"
        fault = {"metadata": {"annotations": {"test.atelier.dev/fails": "crash"}}}
        self.cluster.api.patch(path, fault)
        eventually(lambda: look(self.driver, id).observed == Observed.FAILED, what="its death")

    def has_disk(self, id: UUID) -> bool:
        path = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{names.claim(id)}"
        found = self.cluster.api.find(path)
        return found is not None and "deletionTimestamp" not in found["metadata"]

    @property
    def namespace(self) -> str:
        return names.namespace(self.prefix, self.tenant)

    @contextmanager
    def blinded(self) -> Iterator[None]:
        real = self.driver.client._host
        self.driver.client._host = "https://127.0.0.1:1"
        yield
        self.driver.client._host = real
        eventually(self._sees, what="that it asks again")

    def _sees(self) -> bool:
        try:
            self.driver.survey()
        except DriverUnavailable:
            return False
        return True

    def end(self) -> None:
        for seen in self.driver.survey().seen:
            self.driver.erase(seen.id, tenant=self.tenant)
        eventually(lambda: not self.driver.survey().seen, seconds=30, what="an empty cluster")
