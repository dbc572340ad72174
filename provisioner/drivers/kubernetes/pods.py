"""What a pod, its disk and its events say about a desktop. Pure.

`trim` keeps of an object what is needed and runs for every event of every pod, so it is quick;
`observation` says what that means. Reasons and messages are those that kubelet, the scheduler and
the controllers write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern
from typing import Any
from uuid import UUID

from provisioner.drivers.base import Observation
from provisioner.drivers.kubernetes import causes, names
from provisioner.drivers.kubernetes.manifests import STREAM_PORT
from provisioner.states import Observed

NOBODY = UUID(int=0)
SELECTED_NODE = "volume.kubernetes.io/selected-node"
BOUND = "pv.kubernetes.io/bind-completed"
# A pod that is still there this long after its grace period is stuck.
STUCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Container:
    """The state of the one container: `waiting`, `running` or `terminated`, and why."""

    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: str = ""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Pod:
    id: UUID
    tenant: UUID
    generation: int | None
    namespace: str
    name: str
    uid: str
    created_at: datetime
    node: str
    phase: str
    reason: str  # of the status: Evicted, UnexpectedAdmissionError, …
    message: str
    ip: str
    deleting_since: datetime | None  # when its grace period ends, as the API server says
    conditions: dict[str, tuple[str, str, str, str]]  # type → status, since, reason, message
    container: Container
    apps: str

    @property
    def deleting(self) -> bool:
        return self.deleting_since is not None

    @property
    def ready(self) -> bool:
        return self.conditions.get("Ready", _NONE)[0] == "True"


@dataclass(frozen=True, slots=True)
class Claim:
    """A disk, from its metadata alone."""

    id: UUID | None
    created_at: datetime
    node_selected: bool
    bound: bool


@dataclass(frozen=True, slots=True)
class Event:
    reason: str
    message: str
    kind: str  # Normal, Warning
    at: str


_NONE = ("", "", "", "")


def trim(raw: dict[str, Any]) -> Pod:
    metadata, spec, status = raw["metadata"], raw.get("spec", {}), raw.get("status", {})
    labels = metadata.get("labels") or {}
    generation = labels.get(names.GENERATION, "")
    ends = metadata.get("deletionTimestamp")
    # A pod that shows files has a desktop's name, and is none.
    id = None if names.FILES in labels else names.uuid_of(labels, names.DESKTOP)
    return Pod(
        id=id or NOBODY,
        tenant=names.uuid_of(labels, names.TENANT) or NOBODY,
        generation=int(generation) if generation.isdecimal() else None,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        created_at=moment(metadata["creationTimestamp"]),
        node=spec.get("nodeName", ""),
        phase=intern(status.get("phase", "")),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        ip=status.get("podIP", ""),
        deleting_since=moment(ends) if ends else None,
        conditions={
            intern(each["type"]): (
                intern(each["status"]),
                each.get("lastTransitionTime") or "",
                each.get("reason", ""),
                each.get("message", ""),
            )
            for each in status.get("conditions") or ()
        },
        container=_container(status.get("containerStatuses") or ()),
        apps=(metadata.get("annotations") or {}).get(names.APPS, ""),
    )


def trim_claim(raw: dict[str, Any]) -> Claim:
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    return Claim(
        id=names.uuid_of(metadata.get("labels") or {}, names.DESKTOP),
        created_at=moment(metadata["creationTimestamp"]),
        node_selected=SELECTED_NODE in annotations,
        bound=BOUND in annotations,
    )


def trim_event(raw: dict[str, Any]) -> Event:
    return Event(
        reason=raw.get("reason", ""),
        message=raw.get("message", ""),
        kind=raw.get("type", "Normal"),
        at=raw.get("lastTimestamp") or raw.get("eventTime") or "",
    )


def moment(text: str) -> datetime:
    """RFC 3339, as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def observation(
    pod: Pod,
    *,
    at: datetime,
    revision: int | None,
    claim: Claim | None = None,
    events: Sequence[Event] = (),
) -> Observation:
    """What this pod means for its desktop, as seen at `at`."""
    observed = _observed(pod)
    cause, detail = causes.of(pod, observed, events, stuck=_stuck(pod, at))
    ready = observed == Observed.READY
    return Observation(
        id=pod.id,
        observed=observed,
        at=at,
        generation=pod.generation,
        endpoint=endpoint(pod.ip, STREAM_PORT) if ready else "",
        app_endpoints=_apps(pod) if ready else {},
        cause=cause,
        detail=detail,
        progress=progress(pod, claim) if observed in (Observed.PENDING, Observed.READY) else {},
        revision=revision,
    )


def absence(pod: Pod, *, at: datetime, revision: int) -> Observation:
    """It is gone; with the cause, where somebody took it away."""
    cause, detail = causes.of_gone(pod)
    return Observation(
        id=pod.id, observed=Observed.ABSENT, at=at, revision=revision, cause=cause, detail=detail
    )


def _observed(pod: Pod) -> Observed:
    if pod.deleting:
        return Observed.STOPPING
    if pod.phase in ("Succeeded", "Failed") or pod.container.state == "terminated":
        return Observed.FAILED
    if causes.never_comes(pod):
        return Observed.FAILED
    if pod.ready and pod.ip:
        return Observed.READY
    return Observed.PENDING


def _stuck(pod: Pod, at: datetime) -> bool:
    return pod.deleting_since is not None and (at - pod.deleting_since).total_seconds() > STUCK_S


def endpoint(ip: str, port: int) -> str:
    return f"http://[{ip}]:{port}" if ":" in ip else f"http://{ip}:{port}"


def _apps(pod: Pod) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pod.apps.split():
        name, _colon, port = pair.partition(":")
        if port.isdecimal():
            found[name] = endpoint(pod.ip, int(port))
    return found


def progress(pod: Pod, claim: Claim | None) -> dict[str, Any]:
    """The phases so far, as `Observation.progress` has them."""
    begun = _iso(pod.created_at)
    placed = pod.conditions.get("PodScheduled", _NONE)
    scheduled_at = _iso_of(placed[1]) if placed[0] == "True" else None
    started_at = _iso_of(pod.container.started_at) if pod.container.state == "running" else None
    ready_at = _iso_of(pod.conditions["Ready"][1]) if pod.ready else None
    phases: list[dict[str, Any]] = []
    waits_for_disk = claim is not None and claim.node_selected and not claim.bound
    if scheduled_at is None:
        phases.append(_phase("card", begun, begun if waits_for_disk else None))
        if waits_for_disk:
            phases.append(_phase("disk", begun, None))
        return {"phases": phases}
    phases.append(_phase("card", begun, scheduled_at))
    phases.append(_phase("setup", scheduled_at, started_at))
    if started_at is not None:
        phases.append(_phase("desktop", started_at, ready_at))
    return {"phases": phases}


def _phase(key: str, started_at: str, ended_at: str | None) -> dict[str, Any]:
    return {"key": key, "started_at": started_at, "ended_at": ended_at}


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat()


def _iso_of(text: str) -> str | None:
    return _iso(moment(text)) if text else None


def _container(statuses: Sequence[dict[str, Any]]) -> Container:
    for status in statuses:
        for state, inside in (status.get("state") or {}).items():
            last = (status.get("lastState") or {}).get("terminated") or {}
            return Container(
                state=state,
                reason=inside.get("reason", ""),
                message=inside.get("message", ""),
                exit_code=inside.get("exitCode", last.get("exitCode")),
                started_at=inside.get("startedAt", "") if state == "running" else "",
                restarts=status.get("restartCount", 0),
            )
    return Container()
