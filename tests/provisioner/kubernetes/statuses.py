"""Pods as the API server shows them, and what is read from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from provisioner.drivers.base import Observation
from provisioner.drivers.kubernetes import names, pods

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


def waiting(reason: str, message: str = "") -> Any:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(reason: str = "Error", code: int = 1) -> Any:
    return {"state": {"terminated": {"reason": reason, "exitCode": code}}}


def unschedulable(message: str) -> Any:
    return a_pod(conditions=[condition("PodScheduled", "False", 1, "Unschedulable", message)])
