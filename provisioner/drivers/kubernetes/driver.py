"""Desktops as pods: the verbs. What is written is in `manifests`, what is read in `pods`.

Of each desktop there is at most one pod, because all its launches share one name: the API server
itself refuses a second one. The disk (a claim) is made first, then the pod, then the secret that
the pod waits for, owned by the pod, so that Kubernetes clears it away with the pod whatever
becomes of us. `start` may stop half way; the next `start` goes on from there.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from provisioner.drivers.base import DesktopSpec, Machine, News, Observation, World
from provisioner.drivers.kubernetes import machines, manifests, names, pods, resting
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.drivers.kubernetes.refusals import ApiError
from provisioner.drivers.kubernetes.resting import Resting
from provisioner.drivers.kubernetes.rooms import Rooms
from provisioner.drivers.kubernetes.watch import Watch
from provisioner.errors import DriverError, DriverUnavailable, SpecRejected
from provisioner.states import Observed

log = logging.getLogger(__name__)

# Two writers of one quota meet; the API server tells one of them to try again.
CONFLICTS = 5
# Only what waits for so long has its events read: most pods are ready before.
EVENTS_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class _Known:
    """What this process saw of a desktop last; always checked by whoever uses it."""

    namespace: str
    uid: str = ""


class KubernetesDriver:
    """Any number of processes may have one of these at a time."""

    hears_everything = True

    def __init__(self, client: Client, site: Site) -> None:
        self.client, self.site = client, site
        self._rooms = Rooms(client, site)
        self._resting = Resting(client, site)
        self._known: dict[UUID, _Known] = {}

    @classmethod
    def from_settings(cls, environment: Any) -> KubernetesDriver:
        account_namespace, _slash, account = environment.kube_worker_account.partition("/")
        site = Site(
            prefix=environment.kube_prefix,
            worker_account=(account_namespace, account),
            gateway_namespace=environment.kube_gateway_namespace,
            storage_class=environment.kube_storage_class,
            runtime_class=environment.kube_runtime_class,
            priority_class=environment.kube_priority_class,
            image_pull_secret=environment.kube_image_pull_secret,
            models_claim=environment.kube_models_claim,
            blocked_cidrs=tuple(environment.kube_blocked_cidrs),
            tolerations=tuple(tuple(each.items()) for each in environment.kube_tolerations),
            tenant_quota=tuple(environment.kube_tenant_quota.items()),
        )
        return cls(Client(environment.kubeconfig), site)

    # --- Verbs ----------------------------------------------------------------------------------

    def start(self, spec: DesktopSpec) -> None:
        """Ensure disk, pod and secret. DriverUnavailable, SpecRejected, DriverError."""
        namespace = names.namespace(self.site.prefix, spec.tenant)
        pod = manifests.pod(self.site, spec)
        self._rooms.make_sure(spec.tenant)
        try:
            if not spec.disk_known:
                claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
                self._ensure(claims, manifests.claim(self.site, spec))
            made = self._ensure(f"/api/v1/namespaces/{namespace}/pods", pod)
            made = made or self._same_launch(namespace, spec, pod)
            if made is None:
                return  # of an older launch, or ending: the next look tells
            uid = made["metadata"]["uid"]
            self._known[spec.id] = _Known(namespace, uid)
            secret = manifests.secret(self.site, spec)
            secret["metadata"]["ownerReferences"] = [manifests.owner(spec.id, uid)]
            self._ensure(f"/api/v1/namespaces/{namespace}/secrets", secret)
        except ApiError as error:
            if error.status == 404:  # the namespace went away under us
                self._rooms.forget(spec.tenant)
                raise DriverUnavailable(str(error)) from error
            raise _refused(error) from error

    def stop(self, id: UUID, *, tenant: UUID | None = None) -> None:
        """Delete the pod that is there; its secret goes with it."""
        known = self._known.get(id)
        if known is not None and known.uid and self._delete_pod(known, id):
            return
        for pod in self._pods(id, tenant)[0]:
            if not pod.deleting:
                self._delete_pod(_Known(pod.namespace, pod.uid), id)

    def erase(self, id: UUID, *, tenant: UUID | None = None) -> None:
        """The pod, then the disk; asked anew whether the pod is gone, never by heart."""
        self.stop(id, tenant=tenant)
        for claim in self._claims(id, tenant):
            meta = claim["metadata"]
            with _reading():
                self._resting.close(meta["namespace"], id)  # a disk in use would stay
            path = f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{meta['name']}"
            self._delete(path, meta["uid"])
        self._known.pop(id, None)

    def open_files(self, spec: DesktopSpec) -> str:
        if self._pods(spec.id, spec.tenant)[0]:
            return ""
        if not self._claims(spec.id, spec.tenant):
            raise DriverError("there is no disk yet", cause="files_no_disk")
        try:
            return self._resting.open_(spec)
        except ApiError as error:
            raise _refused(error) from error

    # --- Looking --------------------------------------------------------------------------------

    def observe(self, ids: Collection[UUID], *, tenant: UUID | None = None) -> list[Observation]:
        return [self._look(id, tenant) for id in ids]

    def survey(self) -> World:
        at = datetime.now(UTC)
        found: list[pods.Pod] = []
        revision: int | None = None
        with _reading():
            for page in self.client.pages("/api/v1/pods", labels=names.selector(self.site.prefix)):
                revision = int(page["metadata"]["resourceVersion"])
                found += [pods.trim(raw) for raw in page.get("items") or []]
            self._resting.sweep()
        seen = tuple(
            pods.observation(pod, at=at, revision=revision)
            for pod in found
            if names.is_ours(self.site.prefix, pod)
        )
        return World(seen=seen, at=at, revision=revision, machines=self.machines())

    def machines(self) -> tuple[Machine, ...]:
        """All nodes, and what others than desktops hold of them. DriverUnavailable."""
        with _reading():
            return machines.read(self.client, self.site.prefix)

    def changes(self) -> Iterator[News]:
        return Watch(self.client, self.site.prefix, self.machines).news()

    # --- Below ----------------------------------------------------------------------------------

    def _ensure(self, path: str, thing: dict[str, Any]) -> dict[str, Any] | None:
        """Create it; None where one of that name exists. ApiError."""
        for again in range(CONFLICTS + 1):
            try:
                return self.client.create(path, thing)
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    return None
                if error.status != 409 or again == CONFLICTS:
                    raise
                time.sleep(random.uniform(0.0, 0.05) * (again + 1))  # noqa: S311 - jitter
        return None

    def _same_launch(
        self, namespace: str, spec: DesktopSpec, pod: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The pod that exists, where it is of this launch and lives."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        try:
            raw = self.client.get(f"{path}/{names.pod(spec.id)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        if resting.is_one(raw):  # somebody looked at the files until now
            self._resting.close(namespace, spec.id)
            return self._ensure(path, pod)
        seen = pods.trim(raw)
        return raw if seen.generation == spec.generation and not seen.deleting else None

    def _delete_pod(self, known: _Known, id: UUID) -> bool:
        """False where it is not the one that was seen."""
        self._known[id] = _Known(known.namespace)
        return self._delete(
            f"/api/v1/namespaces/{known.namespace}/pods/{names.pod(id)}", known.uid
        )

    def _delete(self, path: str, uid: str) -> bool:
        try:
            self.client.delete(path, uid=uid)
        except ApiError as error:
            if error.status not in (404, 409):
                raise _refused(error) from error
            return False
        return True

    def _look(self, id: UUID, tenant: UUID | None) -> Observation:
        at = datetime.now(UTC)
        found, revision = self._pods(id, tenant)
        if not found:
            return Observation(id=id, observed=Observed.ABSENT, at=at, revision=revision)
        pod = found[0]
        self._known[id] = _Known(pod.namespace, pod.uid)
        seen = pods.observation(pod, at=at, revision=revision)
        if seen.observed not in (Observed.PENDING, Observed.FAILED):
            return seen
        return self._look_closer(pod, at, revision)

    def _look_closer(self, pod: pods.Pod, at: datetime, revision: int | None) -> Observation:
        """With its disk and, once it takes long, what happened to it."""
        claims = self._claims(pod.id, pod.tenant)
        events: list[dict[str, Any]] = []
        if (at - pod.created_at).total_seconds() > EVENTS_AFTER_S:
            path = f"/api/v1/namespaces/{pod.namespace}/events"
            with _reading():
                answer = self.client.get(path, fieldSelector=f"involvedObject.uid={pod.uid}")
            events = answer.get("items") or []
        return pods.observation(
            pod,
            at=at,
            revision=revision,
            claim=pods.trim_claim(claims[0]) if claims else None,
            events=[pods.trim_event(event) for event in events],
        )

    def _pods(self, id: UUID, tenant: UUID | None) -> tuple[list[pods.Pod], int]:
        """Its pod, from the store and not from a cache, and as of which revision."""
        path, query = self._place("pods", id, tenant, names.pod(id))
        with _reading():
            answer = self.client.get(path, **query)
        found = [pods.trim(raw) for raw in answer.get("items") or []]
        ours = [pod for pod in found if names.is_ours(self.site.prefix, pod)]
        return ours, int(answer["metadata"]["resourceVersion"])

    def _claims(self, id: UUID, tenant: UUID | None) -> list[dict[str, Any]]:
        """Its disk, as metadata."""
        path, query = self._place("persistentvolumeclaims", id, tenant, names.claim(id))
        with _reading():
            return self.client.list_metadata(path, **query).get("items") or []

    def _place(
        self, kind: str, id: UUID, tenant: UUID | None, name: str
    ) -> tuple[str, dict[str, str]]:
        """Where to list it: by name where its namespace is known, else by label everywhere."""
        known = self._known.get(id)
        namespace = known.namespace if known else ""
        if tenant is not None:
            namespace = names.namespace(self.site.prefix, tenant)
        if namespace:
            return f"/api/v1/namespaces/{namespace}/{kind}", {
                "fieldSelector": f"metadata.name={name}"
            }
        selector = f"{names.selector(self.site.prefix)},{names.DESKTOP}={id.hex}"
        return f"/api/v1/{kind}", {"labelSelector": selector}


class _reading:
    """A refusal to be read is silence, which is not an observation."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ApiError):
            raise DriverUnavailable(f"API server: {error}") from error


def _refused(error: ApiError) -> DriverError:
    """What a write's refusal means."""
    if error.status == 403 and "exceeded quota" in error.message:
        return DriverError(error.message, cause="quota_exceeded", log=str(error))
    if error.status in (400, 403, 422):
        return SpecRejected(str(error), log=str(error))
    return DriverError(str(error), log=str(error))
