"""Machines with graphics cards that do not exist: plain Node objects, kept alive by kwok."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.cluster.api import Api

# Every Node of ours has this; kwok's stages look for it.
FAKE = {"kwok.x-k8s.io/node": "fake"}


@dataclass(frozen=True)
class Machine:
    """One kind of node, with the labels that GPU feature discovery would give it."""

    product: str = ""
    gpu_memory_mib: int = 0
    gpus: int = 8
    vcpus: int = 192
    memory_gib: int = 768
    disk_gib: int = 4000

    @property
    def prefix(self) -> str:
        return self.product.lower() or "plain"

    def labels(self) -> dict[str, str]:
        if not self.product:
            return {}
        return {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": self.product,
            "nvidia.com/gpu.memory": str(self.gpu_memory_mib),
            "nvidia.com/gpu.count": str(self.gpus),
            "nvidia.com/gpu.replicas": "1",
            "nvidia.com/gpu.sharing-strategy": "none",
            "nvidia.com/mig.capable": "false",
        }

    def capacity(self) -> dict[str, str]:
        found = {
            "cpu": str(self.vcpus),
            "memory": f"{self.memory_gib}Gi",
            "ephemeral-storage": f"{self.disk_gib}Gi",
            "pods": "110",
        }
        return found | ({"nvidia.com/gpu": str(self.gpus)} if self.product else {})


A2000 = Machine("NVIDIA-RTX-A2000-12GB", 12288)
A4000 = Machine("NVIDIA-RTX-A4000", 16384)
RTX_4090 = Machine("NVIDIA-GeForce-RTX-4090", 24576, memory_gib=1024)
L4 = Machine("NVIDIA-L4", 23034)
PLAIN = Machine(gpus=0, vcpus=64, memory_gib=256)


def manifest(name: str, machine: Machine) -> dict[str, Any]:
    """The Node as its kubelet would register it; kwok fills in the rest of its status."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "type": "kwok",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": FAKE, "labels": labels | machine.labels()},
        "status": {"capacity": machine.capacity(), "allocatable": machine.capacity()},
    }


def add(api: Api, machines: Iterable[tuple[Machine, int]]) -> list[str]:
    """Their names, numbered on from those that are there."""
    known = {one["metadata"]["name"] for one in api.list("/api/v1/nodes")}
    fresh: list[dict[str, Any]] = []
    for machine, count in machines:
        number = 0
        for _ in range(count):
            while (name := f"{machine.prefix}-{number:03}") in known:
                number += 1
            known.add(name)
            fresh.append(manifest(name, machine))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda node: api.post("/api/v1/nodes", node), fresh))
    return [node["metadata"]["name"] for node in fresh]


def remove(api: Api, names: Iterable[str]) -> None:
    for name in names:
        api.delete(f"/api/v1/nodes/{name}")


def ready(api: Api, names: Iterable[str]) -> bool:
    """Whether all of these may be given pods."""
    found = {
        node["metadata"]["name"]
        for node in api.list("/api/v1/nodes")
        if not node["spec"].get("taints")
        for condition in node["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    }
    return set(names) <= found
