"""Disks on demand: the storage class `test`, answered by components/volumes.go."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.access import Cluster
from tests.cluster.processes import Process

STORAGE_CLASS = "test"
PROVISIONER = "test.atelier.dev/volumes"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def start(cluster: Cluster, *, folder: Path | None = None) -> Process:
    """`folder`: real directories there, for real nodes on this machine; else names only."""
    classes = cluster.api.list("/apis/storage.k8s.io/v1/storageclasses")
    others = [
        one
        for one in classes
        if one["metadata"]["name"] != STORAGE_CLASS
        and (one["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
    ]
    cluster.api.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {_DEFAULT: "false" if others else "true"},
            },
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": False,
        }
    )
    place = [f"--folder={folder}"] if folder else []
    return cluster.run("volumes", f"--kubeconfig={cluster.kubeconfig}", *place)
