"""kwok plays the kubelets of all fake nodes, as the files in stages/ say."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import nodes
from tests.cluster.access import Cluster
from tests.cluster.api import ApiError
from tests.cluster.processes import Process
from tests.running import eventually

STAGES = Path(__file__).with_name("stages")
# Nodes that kwok keeps alive: ours, as long as nobody has declared them lost.
LOST = "test.atelier.dev/lost"
MANAGED = f"type=kwok,!{LOST}"
# Nothing answers at its pods' addresses, and no packet for them leaves this machine.
POD_CIDR = "127.128.0.0/9"
# Renewed four times as often. Real kubelets' 40 s would make 500 idle nodes a load of their own;
# that a node is lost is told by `lose`, not by waiting (control_plane.NODE_GRACE_S).
LEASE_S = 160
_PARALLEL = 16


def start(cluster: Cluster, *, stages: Sequence[Path] = ()) -> Process:
    """`stages`: files instead of those that lie here."""
    configuration = cluster.folder / "kwok.yaml"
    options = {
        "manageNodesWithLabelSelector": MANAGED,
        "cidr": POD_CIDR,
        "nodeIP": "127.0.0.1",
        "nodeLeaseDurationSeconds": LEASE_S,
        "nodeLeaseParallelism": _PARALLEL,
        "podPlayStageParallelism": _PARALLEL,
        "nodePlayStageParallelism": _PARALLEL,
    }
    kind = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration"}
    configuration.write_text(json.dumps(kind | {"options": options}))
    files = [configuration, *(stages or sorted(STAGES.glob("*.yaml")))]
    return cluster.run(
        "kwok",
        f"--kubeconfig={cluster.kubeconfig}",
        "--v=WARN",
        *(f"--config={path}" for path in files),
    )


def lose(cluster: Cluster, node: str) -> None:
    """This node falls silent, with every pod on it.

    Written here, at once, is what the node lifecycle controller writes when leases have stopped
    for 50 s; the taints, evictions and pods that never end are then the controllers' own doing.
    """
    api, path = cluster.api, f"/api/v1/nodes/{node}"
    api.patch(path, {"metadata": {"labels": {LOST: "true"}}})
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    unknown = {
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": now,
    }
    kinds = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
    conditions = [{"type": kind} | unknown for kind in kinds]
    api.patch(f"{path}/status", {"status": {"conditions": conditions}}, kind="strategic")
    not_ready = {"type": "Ready", "status": "False", "lastTransitionTime": now}
    for pod in _pods_on(cluster, node):
        api.patch(f"{pod}/status", {"status": {"conditions": [not_ready]}}, kind="strategic")


def revive(cluster: Cluster) -> list[str]:
    """Every lost node is heard of again, and ends the pods that were to end meanwhile."""
    lost = [
        one["metadata"]["name"] for one in cluster.api.list("/api/v1/nodes", labelSelector=LOST)
    ]
    for name in lost:
        cluster.api.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": {LOST: None}}})
    eventually(lambda: nodes.ready(cluster.api, lost), seconds=60, what="revived nodes")
    for pod in [pod for name in lost for pod in _pods_on(cluster, name)]:
        # kwok looks at a pod only when it changes.
        mark = {"metadata": {"annotations": {"test.atelier.dev/revived": "true"}}}
        with contextlib.suppress(ApiError):  # gone meanwhile
            cluster.api.patch(pod, mark)
    return lost


def _pods_on(cluster: Cluster, node: str) -> list[str]:
    found = cluster.api.list("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")
    metas = [pod["metadata"] for pod in found]
    return [f"/api/v1/namespaces/{one['namespace']}/pods/{one['name']}" for one in metas]
