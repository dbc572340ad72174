"""What a pod says about its desktop, in the words that kubelet, scheduler and controllers use."""

from __future__ import annotations

import ast
import inspect
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from portal.desktops.cause_table import TABLE
from provisioner.drivers.base import Observation
from provisioner.drivers.kubernetes import causes, names, pods
from provisioner.states import Observed

ID, TENANT = uuid4(), uuid4()
BEGUN = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGUN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(
    kind: str, status: str, since: float = 0, reason: str = "", message: str = ""
) -> Any:
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": at(since),
        "reason": reason,
        "message": message,
    }


def a_pod(
    *, phase: str = "Pending", container: Any = None, conditions: Any = (), **more: Any
) -> Any:
    status: dict[str, Any] = {"phase": phase, "conditions": list(conditions)}
    if container is not None:
        status["containerStatuses"] = [{"name": "desktop", "restartCount": 0} | container]
    metadata = {
        "name": names.pod(ID),
        "namespace": names.namespace("atelier", TENANT),
        "uid": "u-1",
        "creationTimestamp": at(0),
        "labels": names.of_desktop("atelier", TENANT, ID, 3),
        "annotations": {names.APPS: "webui:7860"},
    }
    metadata |= more.pop("metadata", {})
    return {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": status | more}


def seen(raw: Any, *, after_s: float = 10, **more: Any) -> Observation:
    moment = BEGUN + timedelta(seconds=after_s)
    return pods.observation(pods.trim(raw), at=moment, revision=7, **more)


PLACED = condition("PodScheduled", "True", 2)
RUNNING = {"state": {"running": {"startedAt": at(5)}}}
READY = [PLACED, condition("Ready", "True", 8)]


def test_it_is_ready_only_when_kubelet_says_so_and_it_has_an_address() -> None:
    found = seen(a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3"))
    assert (found.observed, found.generation, found.revision) == (Observed.READY, 3, 7)
    assert found.endpoint == "http://10.1.2.3:6901"
    assert found.app_endpoints == {"webui": "http://10.1.2.3:7860"}
    assert found.cause == ""
    unaddressed = seen(a_pod(phase="Running", container=RUNNING, conditions=READY))
    assert (unaddressed.observed, unaddressed.endpoint) == (Observed.PENDING, "")


def test_an_address_of_the_new_kind_is_written_in_brackets() -> None:
    found = seen(a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="2001:db8::5"))
    assert found.endpoint == "http://[2001:db8::5]:6901"


def test_what_is_being_deleted_is_stopping_even_while_it_answers() -> None:
    gone = {"deletionTimestamp": at(40), "deletionGracePeriodSeconds": 30}
    raw = a_pod(
        phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3", metadata=gone
    )
    found = seen(raw, after_s=20)
    assert (found.observed, found.endpoint, found.cause) == (Observed.STOPPING, "", "")
    assert seen(raw, after_s=40 + pods.STUCK_S + 1).cause == "stopping_stuck"


def phases(found: Observation) -> list[tuple[str, bool]]:
    return [(each["key"], each["ended_at"] is not None) for each in found.progress["phases"]]


def test_it_tells_the_phases_of_a_start() -> None:
    assert phases(seen(a_pod())) == [("card", False)]
    disk = {"metadata": {"name": "x", "creationTimestamp": at(0), "labels": {}}}
    claim = pods.trim_claim(disk)
    assert phases(seen(a_pod(), claim=claim)) == [("card", False)]
    disk["metadata"]["annotations"] = {pods.SELECTED_NODE: "n1"}
    claim = pods.trim_claim(disk)
    assert phases(seen(a_pod(), claim=claim)) == [("card", True), ("disk", False)]
    placed = a_pod(conditions=[PLACED])
    assert phases(seen(placed)) == [("card", True), ("setup", False)]
    runs = a_pod(phase="Running", container=RUNNING, conditions=[PLACED])
    assert phases(seen(runs)) == [("card", True), ("setup", True), ("desktop", False)]
    ready = a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3")
    assert phases(seen(ready)) == [("card", True), ("setup", True), ("desktop", True)]


def waiting(reason: str, message: str = "") -> Any:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(reason: str = "Error", code: int = 1) -> Any:
    return {"state": {"terminated": {"reason": reason, "exitCode": code}}}


def unschedulable(message: str) -> Any:
    return a_pod(conditions=[condition("PodScheduled", "False", 1, "Unschedulable", message)])


NOT_READY = condition("Ready", "False", 9, "ContainersNotReady")
DISRUPTED = "DisruptionTarget"
FULL = ("pending", "machines_full")


@pytest.mark.parametrize(
    ("raw", "observed", "cause"),
    [
        (
            unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: …"),
            *("pending", "gpu_none_free"),
        ),
        (
            unschedulable("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity"),
            *("pending", "gpu_none_free"),
        ),
        (
            unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
            "pending",
            "machines_full",
        ),
        (
            unschedulable('0/3 nodes are available: persistentvolumeclaim "x-home" not found.'),
            *("pending", ""),
        ),
        (
            unschedulable("0/3 nodes are available: 3 node(s) had volume node affinity conflict."),
            *("pending", "disk_attach_failed"),
        ),
        (a_pod(container=waiting("ContainerCreating"), conditions=[PLACED]), "pending", ""),
        (
            a_pod(container=waiting("ErrImagePull", "dial tcp: i/o timeout"), conditions=[PLACED]),
            *("pending", "image_slow"),
        ),
        (
            a_pod(container=waiting("ImagePullBackOff", "…: not found"), conditions=[PLACED]),
            *("failed", "image_not_found"),
        ),
        (
            a_pod(container=waiting("ImagePullBackOff", "401 Unauthorized"), conditions=[PLACED]),
            *("failed", "image_denied"),
        ),
        (
            a_pod(
                container=waiting("ErrImagePull", "no space left on device"), conditions=[PLACED]
            ),
            *("pending", "image_no_space"),
        ),
        (a_pod(container=waiting("InvalidImageName")), "failed", "image_not_found"),
        (a_pod(container=waiting("CrashLoopBackOff")), "failed", "desktop_crash_loop"),
        (a_pod(phase="Running", container=ended()), "failed", "desktop_died"),
        (a_pod(phase="Succeeded", container=ended("Completed", 0)), "failed", "desktop_died"),
        (a_pod(phase="Failed", container=ended("OOMKilled", 137)), "failed", "ram_out"),
        (
            a_pod(
                phase="Failed", reason="Evicted", message="The node was low on resource: memory."
            ),
            *("failed", "evicted"),
        ),
        (
            a_pod(
                phase="Failed",
                reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of 20Gi.",
            ),
            *("failed", "scratch_full"),
        ),
        (a_pod(phase="Failed", reason="UnexpectedAdmissionError"), "failed", "node_refused"),
        (a_pod(phase="Failed", reason="OutOfnvidia.com/gpu"), "failed", "node_refused"),
        (a_pod(phase="Failed", reason="Terminated"), "failed", "node_drain"),
        (
            a_pod(
                phase="Failed",
                conditions=[condition(DISRUPTED, "True", 1, "PreemptionByScheduler")],
            ),
            *("failed", "preempted"),
        ),
        (
            a_pod(
                phase="Running",
                container=RUNNING,
                conditions=[PLACED, condition("Ready", "False", 9)],
            ),
            *("pending", "node_lost"),
        ),
        (
            a_pod(phase="Running", container=RUNNING, conditions=[PLACED, NOT_READY]),
            *("pending", ""),
        ),
    ],
)
def test_it_tells_why(raw: Any, observed: str, cause: str) -> None:
    found = seen(raw)
    assert (found.observed, found.cause) == (observed, cause)
    assert bool(found.detail.get("log")) == bool(cause)


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("FailedAttachVolume", "Multi-Attach error for volume", "disk_attach_slow"),
        ("FailedAttachVolume", "rpc error: volume is gone", "disk_attach_failed"),
        ("FailedMount", "MountVolume.SetUp failed: timed out", "disk_attach_failed"),
        ("FailedMount", 'MountVolume.SetUp failed: secret "d-x-g1" not found', ""),
        ("FailedCreatePodSandBox", "failed to set up network", "node_refused"),
    ],
)
def test_events_tell_what_the_pod_does_not(reason: str, message: str, cause: str) -> None:
    raw = {"reason": reason, "message": message, "type": "Warning", "lastTimestamp": at(3)}
    waits = a_pod(container=waiting("ContainerCreating"), conditions=[PLACED])
    assert seen(waits, events=[pods.trim_event(raw)]).cause == cause


@pytest.mark.parametrize(
    "labels",
    [{}, {names.DESKTOP: "not-hex"}, {names.DESKTOP: ID.hex, names.GENERATION: "many"}],
)
def test_what_others_write_is_never_ours_by_mistake(labels: dict[str, str]) -> None:
    raw = a_pod(metadata={"labels": labels})
    pod = pods.trim(raw)
    assert pod.generation is None
    assert not names.is_ours("atelier", pod)
    ours = pods.trim(a_pod())
    assert names.is_ours("atelier", ours)
    assert not names.is_ours("other", ours)
    assert not names.is_ours("atelier", pods.trim(a_pod(metadata={"name": "d-other"})))
    assert not names.is_ours("atelier", pods.trim(a_pod(metadata={"namespace": "default"})))


def test_every_cause_that_can_come_out_has_words() -> None:
    tree = ast.parse(inspect.getsource(causes))
    keys = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.islower() and "_" in node.value and " " not in node.value
    }
    known = {"gpu_none_free", "image_not_found", "node_lost", "stopping_stuck", "ram_out"}
    assert known <= keys, "the sieve holds what it should"
    assert keys - {"exit_code"} <= TABLE.keys()
