"""Sees what really becomes of pods, and shares no code with the platform that is judged by it."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from tests.cluster.access import Cluster
from tests.cluster.api import Api
from tests.running import eventually

_LASTS_S = 5  # each watch; the next one goes on where it ended


@dataclass(frozen=True)
class Seen:
    """What one desktop really was. `state`: pending, ready, failed, stopping, absent."""

    state: str
    generation: int
    uid: str
    address: str = ""


class Witness:
    """Everything that became of the desktops of one installation since `with`."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._api = Api(cluster.kubeconfig)
        self._selector = (
            f"app.kubernetes.io/managed-by=atelier,app.kubernetes.io/instance={prefix}"
        )
        self.history: dict[str, list[Seen]] = defaultdict(list)  # desktop (hex) → what it was
        self._revision = ""
        self._ending = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)

    def __enter__(self) -> Witness:
        self._list()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()

    def now(self, desktop: str) -> str:
        seen = self.history.get(desktop)
        return seen[-1].state if seen else "absent"

    def pods_of(self, desktop: str) -> dict[int, set[str]]:
        """Which pods there have been, by launch."""
        found: dict[int, set[str]] = defaultdict(set)
        for seen in self.history.get(desktop, []):
            found[seen.generation].add(seen.uid)
        return dict(found)

    def until(self, desktop: str, state: str, *, seconds: float = 30) -> None:
        eventually(lambda: self.now(desktop) == state, seconds=seconds, what=f"a pod {state}")

    def _list(self) -> None:
        listed = self._api.get("/api/v1/pods", labelSelector=self._selector)
        pods = listed.get("items") or []
        for pod in pods:
            self._note("ADDED", pod)
        there = {pod["metadata"]["labels"]["atelier.dev/desktop"] for pod in pods}
        for desktop, history in list(self.history.items()):
            if desktop not in there and history[-1].state != "absent":
                history.append(replace(history[-1], state="absent"))
        self._revision = listed["metadata"]["resourceVersion"]

    def _watch(self) -> None:
        while not self._ending.is_set():
            try:
                self._follow()
            except Exception as error:  # the API server is away: go on when it is back
                self.error = error
                self._ending.wait(0.1)

    def _follow(self) -> None:
        events = self._api.watch(
            "/api/v1/pods",
            timeout_s=_LASTS_S,
            labelSelector=self._selector,
            resourceVersion=self._revision,
        )
        for event in events:
            if event["type"] == "ERROR":
                self._list()  # a restarted API server knows no past
                return
            self._note(event["type"], event["object"])
            self._revision = event["object"]["metadata"]["resourceVersion"]
            if self._ending.is_set():
                return

    def _note(self, kind: str, pod: dict[str, Any]) -> None:
        labels = pod["metadata"]["labels"]
        seen = Seen(
            state="absent" if kind == "DELETED" else _state(pod),
            generation=int(labels["atelier.dev/generation"]),
            uid=pod["metadata"]["uid"],
            address=pod.get("status", {}).get("podIP", ""),
        )
        history = self.history[labels["atelier.dev/desktop"]]
        if not history or history[-1] != seen:
            history.append(seen)


def _state(pod: dict[str, Any]) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "stopping"
    status = pod.get("status", {})
    if status.get("phase") in ("Failed", "Succeeded"):
        return "failed"
    conditions = status.get("conditions") or []
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return "ready" if ready else "pending"
