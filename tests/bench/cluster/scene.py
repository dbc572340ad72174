"""The cluster that is measured on: real control plane, fake nodes, the chart's accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.drivers.kubernetes.manifests import Site
from tests.bench import processes
from tests.bench.cluster.watcher import SELECTOR, Watcher
from tests.cluster import chart, nodes
from tests.cluster.access import Cluster
from tests.cluster.fixtures import running

RELEASE, NAMESPACE = "atelier", "atelier-system"
WORKER = f"{RELEASE}-worker"
# Requests of the platform's account are counted under this name by the API server itself. Same
# level and width as every other service account: nothing else changes by it.
COUNTED = "bench-platform"
_TOKEN_S = 4 * 3600
# No wall behind the queue's limit stands in the way of one tenant with a thousand desktops; the
# quota itself is there, and is counted, as in every installation.
QUOTA = {
    "pods": "9000",
    "persistentvolumeclaims": "9000",
    "requests.storage": "9000Ti",
    "requests.nvidia.com/gpu": "9000",
}
SITE = Site(
    prefix=RELEASE,
    worker_account=(NAMESPACE, WORKER),
    gateway_namespace=NAMESPACE,
    tenant_quota=tuple(QUOTA.items()),
)
IMAGE_REGISTRY = "registry.test"


@dataclass
class Scene:
    cluster: Cluster
    kubeconfig: Path  # of the platform's worker
    watcher: Watcher

    def cpu_s(self) -> dict[str, float]:
        """Of the cluster's programs, the watcher and the whole machine, so far."""
        spent = {one.name: processes.cpu_s(one.pid) for one in self.cluster.processes}
        watcher = processes.cpu_s(self.watcher.pid)
        return spent | {"watcher": watcher, "machine": processes.machine_cpu_s()}

    def requests(self) -> int:
        """How often the platform's account asked the API server, so far."""
        text = self.cluster.api.get("/metrics")
        name = "apiserver_flowcontrol_dispatched_requests_total"
        pattern = rf'^{name}{{flow_schema="{COUNTED}".*}} (\S+)$'
        return int(sum(float(found) for found in re.findall(pattern, text, re.MULTILINE)))

    def pods(self) -> int:
        return len(self.cluster.api.list("/api/v1/pods", labelSelector=SELECTOR))


@contextmanager
def scene(machines: int) -> Iterator[Scene]:
    with running([(nodes.A4000, machines)]) as cluster:
        chart.apply_accounts(cluster.kubeconfig, RELEASE, NAMESPACE)
        cluster.api.apply(_counted())
        kubeconfig = cluster.kubeconfig_for(NAMESPACE, WORKER, seconds=_TOKEN_S)
        watcher = Watcher(cluster.kubeconfig)
        try:
            yield Scene(cluster, kubeconfig, watcher)
        finally:
            watcher.stop()


def _counted() -> dict:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    account = {"namespace": NAMESPACE, "name": WORKER}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": COUNTED},
        "spec": {
            "matchingPrecedence": 8500,  # before the one for all service accounts
            "priorityLevelConfiguration": {"name": "workload-low"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [
                {
                    "subjects": [{"kind": "ServiceAccount", "serviceAccount": account}],
                    "resourceRules": [everything | {"clusterScope": True, "namespaces": ["*"]}],
                    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                }
            ],
        },
    }
