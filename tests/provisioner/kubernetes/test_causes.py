"""Why a pod waits or fails, in the words that kubelet, scheduler and controllers use."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from portal.desktops.cause_table import TABLE
from provisioner.drivers.kubernetes import causes, pods
from tests.provisioner.kubernetes.statuses import (
    PLACED,
    RUNNING,
    a_pod,
    at,
    condition,
    ended,
    seen,
    unschedulable,
    waiting,
)

NOT_READY_YET = condition("Ready", "False", 2, "ContainersNotReady")
NO_LONGER_READY = condition("Ready", "False", 9, "ContainersNotReady")
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
            unschedulable(
                "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are "
                "available: 3 No preemption victims found for incoming pod."
            ),
            *FULL,
        ),
        (
            unschedulable(
                "0/9 nodes are available: 1 Insufficient cpu, 2 Insufficient memory, "
                "3 Insufficient nvidia.com/gpu, 3 node(s) didn't match Pod's node affinity."
            ),
            *("pending", "gpu_none_free"),
        ),
        (unschedulable("0/1 nodes are available: 1 Insufficient ephemeral-storage."), *FULL),
        (unschedulable("0/1 nodes are available: 1 Too many pods."), *FULL),
        (
            unschedulable(
                "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
            ),
            *("pending", ""),
        ),
        (
            a_pod(
                conditions=[
                    condition(
                        *("PodScheduled", "False", 1, "SchedulerError"),
                        'running PreBind plugin "VolumeBinding": binding volumes: timed out',
                    )
                ]
            ),
            *("pending", "disk_attach_failed"),
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
        (
            a_pod(container=waiting("ImagePullBackOff", "…: no space left on device")),
            *("failed", "image_no_space"),
        ),
        (
            a_pod(container=waiting("CreateContainerError", "context deadline exceeded")),
            *("failed", "node_refused"),
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
        (
            a_pod(
                phase="Failed",
                reason="Evicted",
                message='Container desktop exceeded its local ephemeral storage limit "20Gi". ',
            ),
            *("failed", "scratch_full"),
        ),
        (
            a_pod(
                phase="Failed",
                reason="Evicted",
                message='Usage of EmptyDir volume "tmp" exceeds the limit "10Gi". ',
            ),
            *("failed", "scratch_full"),
        ),
        (
            a_pod(
                phase="Failed",
                reason="Evicted",
                message="The node was low on resource: ephemeral-storage. Container desktop was "
                "using 24Gi, which exceeds its request of 20Gi. ",
            ),
            *("failed", "evicted"),
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
            a_pod(phase="Running", container=RUNNING, conditions=[PLACED, NOT_READY_YET]),
            *("pending", ""),
        ),
        (
            a_pod(phase="Running", container=RUNNING, conditions=[PLACED, NO_LONGER_READY]),
            *("pending", "desktop_silent"),
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
