"""The files of a desktop that rests: a small pod with its disk, and nothing of the desktop.

It has the desktop's own pod name, so the API server itself never lets both be there, and a label
that keeps it off every list of desktops. `start` and `erase` end it; else it ends by itself,
and the next survey clears it away.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from provisioner.drivers.base import FILES, DesktopSpec
from provisioner.drivers.kubernetes import manifests, names, pods
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.drivers.kubernetes.refusals import ApiError
from provisioner.errors import DriverError

log = logging.getLogger(__name__)

UP_WITHIN_S, LOOK_AGAIN_S = 20.0, 0.25
HOPELESS_S = 180.0  # so long without being ready: its image or its disk does not come
GONE_WITHIN_S = 10.0
LONGEST_S = 6 * 3600
STOP_S = 2
AMOUNTS = {
    "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "1Gi"},
}


def pod(site: Site, spec: DesktopSpec, secret_name: str) -> dict[str, Any]:
    """Pure. SpecRejected."""
    thing = manifests.pod(site, spec)
    body = thing["spec"]
    thing["metadata"]["labels"] = _labels(site, spec)
    thing["metadata"].pop("annotations", None)
    body.pop("nodeSelector", None)
    body.pop("runtimeClassName", None)
    body.pop("priorityClassName", None)
    # The disk may lie on a machine with cards, which takes no pod that does not bear with that.
    if spec.gpu is not None:
        bears = {"key": spec.gpu.resource, "operator": "Exists"}
        body["tolerations"] = [bears, *(each for each in body["tolerations"] if each != bears)]
    body["terminationGracePeriodSeconds"] = STOP_S
    body["activeDeadlineSeconds"] = LONGEST_S
    body["volumes"] = [
        {"name": "home", "persistentVolumeClaim": {"claimName": names.claim(spec.id)}},
        {"name": "secret", "secret": {"secretName": secret_name, "defaultMode": 0o440}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
    ]
    container = body["containers"][0]
    kept = {volume["name"] for volume in body["volumes"]}
    container |= {
        "name": FILES.name,
        "command": ["tini", "-g", "--", "python3", "-B", "/opt/desktop/resting.py"],
        "env": [
            {"name": "DESK_PORT", "value": str(manifests.STREAM_PORT)},
            {"name": "DESK_SECRET_FILE", "value": manifests.SECRET_FILE},
            {"name": "DESK_APPS", "value": f"{FILES.name}:{FILES.port}"},
            {"name": "HOME", "value": "/home/desk"},
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
        ],
        "ports": [{"name": FILES.name, "containerPort": FILES.port}],
        "resources": AMOUNTS,
        "readinessProbe": {"tcpSocket": {"port": FILES.port}, "periodSeconds": 1},
        "volumeMounts": [each for each in container["volumeMounts"] if each["name"] in kept],
    }
    container.pop("startupProbe", None)
    return thing


def _labels(site: Site, spec: DesktopSpec) -> dict[str, str]:
    desktop = names.of_desktop(site.prefix, spec.tenant, spec.id, spec.generation)
    return desktop | {names.FILES: "shown"}


class Resting:
    """The verbs. What they raise is what the API server said: ApiError."""

    def __init__(self, client: Client, site: Site) -> None:
        self.client, self.site = client, site

    def open_(self, spec: DesktopSpec) -> str:
        """Its endpoint; empty while it is still on its way. ApiError, DriverError."""
        namespace = names.namespace(self.site.prefix, spec.tenant)
        there = self._there(namespace, spec.id)
        if there is not None and not _of(there, spec):
            self.close(namespace, spec.id)
            there = None
        if there is None:
            self._make(namespace, spec)
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            raw = self._there(namespace, spec.id)
            if raw is None:
                return ""
            seen = pods.trim(raw)
            if seen.ready and not seen.deleting and seen.ip:
                return pods.endpoint(seen.ip, FILES.port)
            if (datetime.now(UTC) - seen.created_at).total_seconds() > HOPELESS_S:
                self.close(namespace, spec.id)
                raise DriverError(f"{seen.name}: {seen.container}", cause="files_failed")
            time.sleep(LOOK_AGAIN_S)
        return ""

    def close(self, namespace: str, id: UUID) -> None:
        """End it, and come back once it is gone, or after a while. ApiError."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while (raw := self._there(namespace, id)) is not None:
            if raw["metadata"].get("deletionTimestamp") is None:
                self._delete(raw)
            if time.monotonic() > deadline:
                return
            time.sleep(LOOK_AGAIN_S)

    def sweep(self) -> None:
        """Clear away those that have ended. ApiError."""
        for page in self.client.pages(
            "/api/v1/pods", labels=names.files_selector(self.site.prefix)
        ):
            for raw in page.get("items") or []:
                if raw.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                    self._delete(raw)

    def _there(self, namespace: str, id: UUID) -> dict[str, Any] | None:
        """The pod of this name, where it is such a one."""
        try:
            raw = self.client.get(f"/api/v1/namespaces/{namespace}/pods/{names.pod(id)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return raw if is_one(raw) else None

    def _make(self, namespace: str, spec: DesktopSpec) -> None:
        # A name of its own each time: the secret of the one before may still be being cleared.
        secret_name = f"{names.pod(spec.id)}-files-{secrets.token_hex(4)}"
        try:
            made = self.client.create(
                f"/api/v1/namespaces/{namespace}/pods", pod(self.site, spec, secret_name)
            )
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return  # somebody else was quicker, or the desktop starts
            raise
        secret = manifests.secret(self.site, spec)
        secret["metadata"] = {
            "name": secret_name,
            "labels": _labels(self.site, spec),
            "ownerReferences": [manifests.owner(spec.id, made["metadata"]["uid"])],
        }
        self.client.create(f"/api/v1/namespaces/{namespace}/secrets", secret)

    def _delete(self, raw: dict[str, Any]) -> None:
        meta = raw["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        try:
            self.client.delete(path, uid=meta["uid"])
        except ApiError as error:
            if error.status not in (404, 409):
                raise


def is_one(raw: dict[str, Any]) -> bool:
    return names.FILES in (raw["metadata"].get("labels") or {})


def _of(raw: dict[str, Any], spec: DesktopSpec) -> bool:
    """It lives, and knows the secret of this rest."""
    seen = pods.trim(raw)
    ended = seen.phase in ("Succeeded", "Failed")
    return not ended and not seen.deleting and seen.generation == spec.generation
