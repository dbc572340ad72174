"""Why a pod waits, fails or does not go: keys of the portal's cause sentences. Pure.

Matched are the reasons and messages of kubelet, scheduler and controllers, as of Kubernetes 1.36;
an unknown one falls back to a plainer cause, with the technical lines kept for the operator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provisioner.states import Observed

if TYPE_CHECKING:
    from provisioner.drivers.kubernetes.pods import Event, Pod

Cause = tuple[str, dict[str, Any]]

NONE: Cause = ("", {})
_NOBODY = ("", "", "", "")

PULLING = {"ErrImagePull", "ImagePullBackOff"}
# States that kubelet would keep trying for ever and that do not come right by themselves.
HOPELESS = {
    "InvalidImageName",
    "ErrImageNeverPull",
    "CrashLoopBackOff",
    "CreateContainerError",
    "RunContainerError",
}
NOT_FOUND = ("not found", "manifest unknown", "does not exist", "notfound")
DENIED = ("unauthorized", "denied", "forbidden", "authentication required")
NO_SPACE = ("no space left",)
# How the scheduler says what is short. Cards, as all extended resources, have a slash.
INSUFFICIENT = re.compile(r"Insufficient ([a-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
# How kubelet says that the desktop itself, and not the machine, wrote too much: its container, all
# of it, one of its scratch volumes.
OWN_SCRATCH = (
    "exceeded its local ephemeral storage limit",
    "ephemeral local storage usage exceeds the total limit",
    "Usage of EmptyDir volume",
)
# Reasons of a pod that kubelet would not admit.
REFUSED = ("UnexpectedAdmissionError", "OutOf", "NodeAffinity", "Topology", "AdmissionError")


def never_comes(pod: Pod) -> bool:
    """It waits for something that will not happen."""
    container = pod.container
    if container.state != "waiting":
        return False
    if container.reason in HOPELESS:
        return True
    # With another pod, another machine may have room.
    hopeless = ("image_not_found", "image_denied", "image_no_space")
    return container.reason == "ImagePullBackOff" and _pull(pod) in hopeless


def of(pod: Pod, observed: Observed, events: Sequence[Event], *, stuck: bool) -> Cause:
    """The cause and what its sentence needs; none where all goes as it should."""
    if observed == Observed.STOPPING:
        return _of_stopping(pod, stuck=stuck)
    if observed == Observed.FAILED:
        return _of_failed(pod)
    if observed == Observed.PENDING:
        return _of_pending(pod, events)
    return NONE


def of_gone(pod: Pod) -> Cause:
    """Who took it away, as its last state says; none where we did, or where it had failed."""
    if pod.phase == "Failed":
        return NONE
    disrupted = _disruption(pod)
    return (disrupted, _log(pod)) if disrupted else NONE


def _of_stopping(pod: Pod, *, stuck: bool) -> Cause:
    disrupted = _disruption(pod)
    if stuck:
        silent = disrupted == "node_lost" or not pod.ready
        key = "node_lost" if disrupted == "node_lost" else "stopping_stuck"
        return key, _log(pod, node=pod.node, silent=silent)
    return (disrupted, _log(pod)) if disrupted else NONE


def _of_failed(pod: Pod) -> Cause:
    disrupted = _disruption(pod)
    if pod.reason == "Evicted":
        return _evicted(pod)
    if pod.reason in ("Terminated", "NodeShutdown", "Shutdown"):
        return "node_drain", _log(pod)
    if pod.reason.startswith(REFUSED):
        return "node_refused", _log(pod, node=pod.node)
    if pod.reason == "NodeLost":
        return "node_lost", _log(pod)
    if disrupted:
        return disrupted, _log(pod)
    container = pod.container
    if container.state == "waiting":
        if container.reason in PULLING or container.reason in (
            "InvalidImageName",
            "ErrImageNeverPull",
        ):
            return _pull(pod), _log(pod)
        if container.reason == "CrashLoopBackOff":
            return "desktop_crash_loop", _log(pod, n=container.restarts)
        return "node_refused", _log(pod, node=pod.node)  # it never came to run
    if container.reason == "OOMKilled":
        return "ram_out", _log(pod)
    return "desktop_died", _log(pod)


def _of_pending(pod: Pod, events: Sequence[Event]) -> Cause:
    placed = pod.conditions.get("PodScheduled", _NOBODY)
    if placed[0] == "False" and placed[2] == "Unschedulable":
        return _unschedulable(pod, placed[3])
    if placed[0] == "False" and "VolumeBinding" in placed[3]:
        return "disk_attach_failed", _log(pod, placed[3])  # a machine was found, a disk was not
    if pod.container.state == "waiting" and pod.container.reason in PULLING:
        return _pull(pod), _log(pod)
    if pod.container.state == "running" and pod.conditions.get("Ready", _NOBODY)[0] == "False":
        return _not_ready(pod)
    return _of_events(pod, events)


def _unschedulable(pod: Pod, message: str) -> Cause:
    # What follows tells whether pushing others out would help, and repeats the numbers.
    said = message.partition("preemption:")[0]
    if "persistentvolumeclaim" in said and "not found" in said:
        return NONE  # we make it at once
    if "unbound immediate PersistentVolumeClaims" in said:
        return NONE  # the disk is being made; the deadline of a start watches over it
    short = INSUFFICIENT.findall(said)
    if any("/" in resource for resource in short):
        return "gpu_none_free", _log(pod, message)
    if short:
        return "machines_full", _log(pod, message, resource=short[0])
    if "Too many pods" in said:
        return "machines_full", _log(pod, message, resource="pods")
    if "volume" in said:
        return "disk_attach_failed", _log(pod, message)
    # No machine of this kind, or only such that are away or reserved.
    return "gpu_none_free", _log(pod, message)


def _not_ready(pod: Pod) -> Cause:
    """It runs, and its stream is silent: not yet (no cause), or no longer."""
    _status, since, reason, _message = pod.conditions.get("Ready", _NOBODY)
    if reason in ("", "NodeNotReady"):
        return "node_lost", _log(pod, node=pod.node)  # the controllers said so, not kubelet
    # Unready since before its program began: it is starting. Both are RFC 3339, in UTC.
    if since > pod.container.started_at:
        return "desktop_silent", _log(pod)
    return NONE


def _of_events(pod: Pod, events: Sequence[Event]) -> Cause:
    newest = sorted((event for event in events if event.kind == "Warning"), key=lambda e: e.at)
    for event in reversed(newest):
        lines = [f"{event.reason}: {event.message}"]
        if event.reason == "FailedAttachVolume":
            slow = "Multi-Attach" in event.message
            return "disk_attach_slow" if slow else "disk_attach_failed", {"log": lines}
        if event.reason == "FailedMount":
            if "secret" in event.message and "not found" in event.message:
                continue  # it comes a moment after the pod
            return "disk_attach_failed", {"log": lines}
        if event.reason in ("FailedCreatePodSandBox", "FailedCreatePodContainer"):
            return "node_refused", {"log": lines, "node": pod.node}
    return NONE


def _pull(pod: Pod) -> str:
    message = pod.container.message.lower()
    if any(words in message for words in DENIED):
        return "image_denied"
    if any(words in message for words in NO_SPACE):
        return "image_no_space"
    if pod.container.reason in ("InvalidImageName", "ErrImageNeverPull") or any(
        words in message for words in NOT_FOUND
    ):
        return "image_not_found"
    return "image_slow"


def _evicted(pod: Pod) -> Cause:
    own = any(words in pod.message for words in OWN_SCRATCH)
    return "scratch_full" if own else "evicted", _log(pod)


def _disruption(pod: Pod) -> str:
    status, _since, reason, message = pod.conditions.get("DisruptionTarget", _NOBODY)
    if status != "True":
        return ""
    if reason == "TerminationByKubelet" and "low on resource" in message:
        return "evicted"  # of one that then ends by itself kubelet says so here alone
    return {
        "PreemptionByScheduler": "preempted",
        "DeletionByTaintManager": "node_lost",
        "DeletionByPodGC": "node_lost",
        "EvictionByEvictionAPI": "node_drain",
        "TerminationByKubelet": "node_drain",
    }.get(reason, "")


def _log(pod: Pod, *more: str, **values: Any) -> dict[str, Any]:
    container = pod.container
    lines = [f"pod {pod.namespace}/{pod.name} on {pod.node or 'no node'}: {pod.phase}"]
    if pod.reason or pod.message:
        lines.append(f"{pod.reason}: {pod.message}")
    if container.state and (container.reason or container.message):
        ended = "" if container.exit_code is None else f" (exit code {container.exit_code})"
        lines.append(f"{container.state} {container.reason}{ended}: {container.message}")
    disrupted = pod.conditions.get("DisruptionTarget")
    if disrupted:
        lines.append(f"{disrupted[2]}: {disrupted[3]}")
    return {"log": [*lines, *more], **values}
