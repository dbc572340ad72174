"""A tenant's namespace and what keeps it: made before the first pod, made anew when we change it.

One request a tenant and process where all is as it should be: the quota, written last, carries
the fingerprint of everything.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any
from uuid import UUID

import orjson

from provisioner.drivers.kubernetes import names, tenants
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.drivers.kubernetes.refusals import ApiError
from provisioner.errors import DriverError, DriverUnavailable

log = logging.getLogger(__name__)

FINGERPRINT = "atelier.dev/fingerprint"
MANAGER = "atelier"
# A role binding is heard of by the API server's authorizer a little after it was written.
MAY_SOON_S = 5.0

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}
# What may differ from one version of ours to the next; the rest is made once and then only read.
_CHANGEABLE = {"ResourceQuota", "LimitRange", "NetworkPolicy"}


class Rooms:
    """Which tenants' namespaces this process knows to be as they should be."""

    def __init__(self, client: Client, site: Site) -> None:
        self._client, self._site = client, site
        self._ready: set[UUID] = set()

    def make_sure(self, tenant: UUID) -> None:
        """DriverUnavailable; DriverError where it cannot be made."""
        if tenant in self._ready:
            return
        objects = tenants.room(self._site, tenant)
        # The quota last: whoever finds it with its fingerprint finds everything.
        objects.sort(key=lambda thing: thing["kind"] == "ResourceQuota")
        fingerprint = hashlib.sha256(
            orjson.dumps(objects, option=orjson.OPT_SORT_KEYS)
        ).hexdigest()[:16]
        if not self._is_made(tenant, objects[-1], fingerprint):
            self._make(tenant, objects, fingerprint)
        self._ready.add(tenant)

    def forget(self, tenant: UUID) -> None:
        """It turned out not to be there."""
        self._ready.discard(tenant)

    def _is_made(self, tenant: UUID, quota: dict[str, Any], fingerprint: str) -> bool:
        try:
            found = self._client.get(f"{self._path(tenant, quota)}/{quota['metadata']['name']}")
        except ApiError as error:
            if error.status in (403, 404):  # no binding yet, or no namespace
                return False
            raise DriverError(f"the tenant's namespace: {error}") from error
        return bool(found["metadata"].get("annotations", {}).get(FINGERPRINT) == fingerprint)

    def _make(self, tenant: UUID, objects: list[dict[str, Any]], fingerprint: str) -> None:
        log.info("rooms.make tenant=%s", tenant)
        last = objects[-1]["metadata"]
        last["annotations"] = {**last.get("annotations", {}), FINGERPRINT: fingerprint}
        until_s = time.monotonic() + MAY_SOON_S
        for thing in objects:
            while True:
                try:
                    self._write(tenant, thing)
                    break
                except ApiError as error:
                    soon = error.status in (403, 404) and thing["kind"] != "Namespace"
                    if not soon or time.monotonic() > until_s:
                        raise DriverError(f"{thing['kind']} of the tenant: {error}") from error
                    time.sleep(0.05)

    def _write(self, tenant: UUID, thing: dict[str, Any]) -> None:
        path = self._path(tenant, thing)
        try:
            self._client.create(path, thing)
        except ApiError as error:
            if error.status != 409:
                raise
            name = thing["metadata"]["name"]
            if thing["kind"] in _CHANGEABLE:
                self._client.apply(f"{path}/{name}", thing, manager=MANAGER)
            elif thing["kind"] == "Namespace":
                self._check_ours(tenant, self._client.get(f"{path}/{name}"))

    def _check_ours(self, tenant: UUID, namespace: dict[str, Any]) -> None:
        """A namespace of this name that somebody else made is not one to put desktops into."""
        metadata = namespace["metadata"]
        if metadata.get("labels", {}).get(names.TENANT) != tenant.hex:
            raise DriverError(f"namespace {metadata['name']} exists and is not ours")
        if metadata.get("deletionTimestamp"):
            raise DriverUnavailable(f"namespace {metadata['name']} is being deleted")

    def _path(self, tenant: UUID, thing: dict[str, Any]) -> str:
        return _PATHS[thing["kind"]].format(names.namespace(self._site.prefix, tenant))
