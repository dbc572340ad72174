"""A real API server keeps the promises: what is tested on the others holds for a cluster.

Spoken to as the chart's own worker, never as an administrator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import Driver
from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.driver import KubernetesDriver
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.errors import DriverUnavailable
from provisioner.states import Observed
from tests.cluster import nodes
from tests.cluster.access import Cluster
from tests.cluster.chart import apply_accounts
from tests.cluster.fixtures import cluster
from tests.provisioner.drivers.contract import CARDS, TENANT, Contract, look
from tests.running import eventually

__all__ = ["cluster"]
pytestmark = pytest.mark.cluster


class KubernetesWorld:
    """One installation of its own in the cluster, with the rights that the chart gives it."""

    capacity = 3

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.prefix = f"c{uuid4().hex[:8]}"
        home = f"{self.prefix}-system"
        apply_accounts(cluster.kubeconfig, release=self.prefix, namespace=home)
        self.kubeconfig = cluster.kubeconfig_for(home, f"{self.prefix}-worker")
        self.site = Site(
            prefix=self.prefix,
            worker_account=(home, f"{self.prefix}-worker"),
            gateway_namespace=home,
        )
        self.driver: KubernetesDriver = self.restarted()

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
        return names.namespace(self.prefix, TENANT)

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
            self.driver.erase(seen.id, tenant=TENANT)
        eventually(lambda: not self.driver.survey().seen, seconds=30, what="an empty cluster")


@pytest.fixture(scope="module")
def cards(cluster: Cluster) -> Iterator[None]:
    label = dict(CARDS)["nvidia.com/gpu.product"]
    made = nodes.add(cluster.api, [(nodes.Machine(label, gpus=KubernetesWorld.capacity), 1)])
    eventually(lambda: nodes.ready(cluster.api, made), seconds=30, what="the contract's machine")
    yield
    nodes.remove(cluster.api, made)


class TestKubernetes(Contract):
    @pytest.fixture
    def world(self, cluster: Cluster, cards: None) -> Iterator[KubernetesWorld]:
        world = KubernetesWorld(cluster)
        yield world
        world.end()

    def test_it_is_what_the_port_asks_for(self, world: KubernetesWorld) -> None:
        driver: Driver = world.driver
        assert driver.hears_everything
