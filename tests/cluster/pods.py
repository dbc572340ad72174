"""Pods and claims as plain documents, and what became of them."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import uuid4

from tests.cluster.access import Cluster
from tests.cluster.api import ApiError
from tests.running import eventually

IMAGE = "registry.test/desk:1"
Object = dict[str, Any]


class Bench:
    """A namespace of one test's own."""

    def __init__(self, cluster: Cluster) -> None:
        self.api = cluster.api
        self.name = f"test-{uuid4().hex[:12]}"
        self.api.post("/api/v1/namespaces", {"metadata": {"name": self.name}})
        # Without its account the API server refuses pods; a controller makes it.
        eventually(lambda: self.api.find(f"{self.path}/serviceaccounts/default"))

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    def end(self) -> None:
        for pod in self.api.list(f"{self.path}/pods"):
            with contextlib.suppress(ApiError):  # gone meanwhile
                self.delete(pod["metadata"]["name"], gracePeriodSeconds=0)
        self.api.delete(f"/api/v1/namespaces/{self.name}")

    def pod(
        self,
        name: str,
        *,
        image: str = IMAGE,
        product: str = "",
        gpus: int = 0,
        vcpus: int = 1,
        claim: str = "",
        priority: str = "",
        annotations: dict[str, str] | None = None,
    ) -> Object:
        limits = {"cpu": str(vcpus), "memory": "1Gi"}
        container: Object = {"name": "desktop", "image": image, "resources": {"limits": limits}}
        spec: Object = {"restartPolicy": "Never", "containers": [container]}
        if gpus:
            limits["nvidia.com/gpu"] = str(gpus)
        if product:
            spec["nodeSelector"] = {"nvidia.com/gpu.product": product}
        if claim:
            spec["volumes"] = [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}]
        if priority:
            spec["priorityClassName"] = priority
        meta = {"name": name, "annotations": annotations or {}}
        return self.api.post(f"{self.path}/pods", {"metadata": meta, "spec": spec})

    def claim(self, name: str, *, gib: int = 10) -> Object:
        wish = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{gib}Gi"}},
        }
        claims = f"{self.path}/persistentvolumeclaims"
        return self.api.post(claims, {"metadata": {"name": name}, "spec": wish})

    def find(self, name: str) -> Object | None:
        return self.api.find(f"{self.path}/pods/{name}")

    def status(self, name: str) -> Object:
        return (self.find(name) or {}).get("status", {})

    def condition(self, name: str, kind: str) -> Object:
        rows = self.status(name).get("conditions", [])
        return next((row for row in rows if row["type"] == kind), {})

    def ready(self, name: str) -> bool:
        return self.condition(name, "Ready").get("status") == "True"

    def state(self, name: str) -> Object:
        """Of its first container."""
        rows = self.status(name).get("containerStatuses") or [{}]
        return rows[0].get("state", {})

    def delete(self, name: str, **query: Any) -> None:
        self.api.delete(f"{self.path}/pods/{name}", **query)

    def events(self, name: str) -> set[str]:
        rows = self.api.list(f"{self.path}/events", fieldSelector=f"involvedObject.name={name}")
        return {row["reason"] for row in rows}
