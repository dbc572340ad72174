"""A real API server keeps the promises: what is tested on the others holds for a cluster.

Spoken to as the chart's own worker, never as an administrator.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.drivers.base import Driver
from tests.cluster.access import Cluster
from tests.provisioner.drivers.contract import Contract
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.cluster


class TestKubernetes(Contract):
    @pytest.fixture
    def world(self, cluster: Cluster, cards: None) -> Iterator[KubernetesWorld]:
        world = KubernetesWorld(cluster)
        yield world
        world.end()

    def test_it_is_what_the_port_asks_for(self, world: KubernetesWorld) -> None:
        driver: Driver = world.driver
        assert driver.hears_everything
