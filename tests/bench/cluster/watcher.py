"""An independent observer of pods: a process of its own, on the one clock of this machine.

Prints a line for every step of every pod: what, name, CLOCK_MONOTONIC in seconds. `Watcher` starts
it, reads it, and tells whoever waits.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

STORED, READY, GONE = "stored", "ready", "gone"
SELECTOR = "app.kubernetes.io/managed-by=atelier"
_LONGEST_S = 7200


class Watcher:
    """`seen[what][pod]` is when it was seen; of several lives of a pod, the last one since
    `forget`."""

    def __init__(self, kubeconfig: Path) -> None:
        command = [sys.executable, "-m", "tests.bench.cluster.watcher", str(kubeconfig)]
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command], stdout=subprocess.PIPE, text=True
        )
        self.seen: dict[str, dict[str, float]] = {STORED: {}, READY: {}, GONE: {}}
        self._tell: Callable[[str, str], None] = lambda _what, _pod: None
        self._waiting: dict[tuple[str, str], threading.Event] = {}
        self._listening = threading.Event()
        threading.Thread(target=self._read, daemon=True, name="watcher").start()
        if not self._listening.wait(30):
            raise RuntimeError("the watcher does not listen")

    @property
    def pid(self) -> int:
        return self._child.pid

    def forget(self, tell: Callable[[str, str], None] | None = None) -> None:
        """Before the next run: what was seen is of no interest; `tell(what, pod)` is called from
        now on, in the thread that reads."""
        self.seen = {STORED: {}, READY: {}, GONE: {}}
        self._tell = tell or (lambda _what, _pod: None)

    def wait(self, what: str, pods: Iterable[str], *, seconds: float) -> None:
        """Until all of them were seen so."""
        left = set(pods)
        until_s = time.monotonic() + seconds
        while left := {pod for pod in left if pod not in self.seen[what]}:
            if time.monotonic() > until_s:
                some = ", ".join(sorted(left)[:3])
                raise TimeoutError(f"{len(left)} pods not {what} after {seconds:g} s: {some} …")
            time.sleep(0.02)

    def stop(self) -> None:
        self._child.kill()
        self._child.wait(10)

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line == "listening\n":
                self._listening.set()
                continue
            what, pod, at_s = line.split()
            self.seen[what][pod] = float(at_s)
            self._tell(what, pod)


def main(kubeconfig: Path) -> None:
    # Here, because the bench itself needs none of it.
    from tests.cluster.api import Api

    api = Api(kubeconfig)
    query = {"labelSelector": SELECTOR}
    listed = api.get("/api/v1/pods", **query)
    ready = {pod["metadata"]["uid"] for pod in listed["items"] if _is_ready(pod)}
    print("listening", flush=True)
    revision = listed["metadata"]["resourceVersion"]
    while True:  # the API server ends the stream of a reader that falls behind: go on from there
        events = api.watch("/api/v1/pods", timeout_s=_LONGEST_S, resourceVersion=revision, **query)
        for event in events:
            if event["type"] == "ERROR":
                raise RuntimeError(f"the watcher's stream ended: {event['object']}")
            _say(event, time.monotonic(), ready)
            revision = event["object"]["metadata"]["resourceVersion"]


def _say(event: dict, at_s: float, ready: set[str]) -> None:
    pod, meta = event["object"], event["object"]["metadata"]
    if event["type"] == "ADDED":
        print(STORED, meta["name"], at_s, flush=True)
    elif event["type"] == "DELETED":
        ready.discard(meta["uid"])
        print(GONE, meta["name"], at_s, flush=True)
    elif meta["uid"] not in ready and _is_ready(pod):
        ready.add(meta["uid"])
        print(READY, meta["name"], at_s, flush=True)


def _is_ready(pod: dict) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
