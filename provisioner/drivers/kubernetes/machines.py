"""Nodes as machines, and what others than desktops hold of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from provisioner.drivers.base import Machine
from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.client import Client

# Cards of any maker are extended resources: they have a domain of their own.
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
# Labels of a node that tell cards apart; the others are many, long, and not needed.
_LABELS = ("nvidia.com/", "amd.com/", "gpu.intel.com/", "atelier.dev/", "node.kubernetes.io/")
_ZONES = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def read(client: Client, prefix: str) -> tuple[Machine, ...]:
    """All nodes, sorted by name. From the API server's cache: seconds old at most."""
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    alive = "status.phase!=Succeeded,status.phase!=Failed"
    for page in client.pages("/api/v1/pods", labels=f"!{names.DESKTOP}", fields=alive):
        for pod in page.get("items") or []:
            taken[pod["spec"].get("nodeName", "")].update(requests(pod["spec"]))
    found: list[Machine] = []
    for page in client.pages("/api/v1/nodes"):
        for node in page.get("items") or []:
            found.append(machine(node, dict(taken.get(node["metadata"]["name"], {}))))
    return tuple(sorted(found, key=lambda one: one.name))


def machine(node: dict[str, Any], taken: dict[str, int]) -> Machine:
    """One node, as the API server describes it."""
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    labels = metadata.get("labels") or {}
    return Machine(
        name=metadata["name"],
        ready=conditions.get("Ready") == "True" and not spec.get("unschedulable", False),
        labels={
            key: value for key, value in labels.items() if key.startswith(_LABELS) or key in _ZONES
        },
        capacity=amounts(status.get("capacity") or {}),
        allocatable=amounts(status.get("allocatable") or {}),
        taken=taken,
    )


def requests(spec: dict[str, Any]) -> Counter[str]:
    """What a pod holds: its containers together, or its largest init container."""
    together: Counter[str] = Counter()
    for container in spec.get("containers") or []:
        together.update(amounts(container.get("resources", {}).get("requests") or {}))
    for container in spec.get("initContainers") or []:
        alone = amounts(container.get("resources", {}).get("requests") or {})
        together |= Counter(alone)
    return together


def amounts(quantities: dict[str, str]) -> dict[str, int]:
    """`{"cpu": "15800m", "memory": "32Gi", "nvidia.com/gpu": "8"}` in our units."""
    found: dict[str, int] = {}
    for name, text in quantities.items():
        if name == "cpu":
            found["cpu_millis"] = round(quantity(text) * 1000)
        elif name == "memory":
            found["memory_mib"] = int(quantity(text) // 2**20)
        elif "/" in name and not name.startswith(("kubernetes.io/", "hugepages-")):
            found[name] = int(quantity(text))
    return found


def quantity(text: str) -> float:
    """A Kubernetes quantity (apimachinery `resource.Quantity`) as a number. ValueError."""
    text = str(text)
    if text[-2:] in _BINARY:
        return float(text[:-2]) * _BINARY[text[-2:]]
    if text[-1:].isalpha() and text[-1] in _DECIMAL:
        return float(text[:-1]) * _DECIMAL[text[-1]]
    return float(text)
