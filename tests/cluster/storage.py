"""Disks on demand: the storage class `test`, answered by components/volumes.go."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import Process

STORAGE_CLASS = "test"
PROVISIONER = "test.atelier.dev/volumes"


def start(plane: ControlPlane, *, folder: Path | None = None) -> Process:
    """`folder`: real directories there, for real nodes on this machine; else names only."""
    plane.api.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": False,
        }
    )
    place = [f"--folder={folder}"] if folder else []
    return plane.run("volumes", f"--kubeconfig={plane.kubeconfig}", *place)
