"""What one load brought: times of every launch, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.bench.cluster.watcher import READY, STORED, Watcher
from tests.bench.figures import percentile


@dataclass
class Load:
    """`accepted` by pod, on the one clock; what the watcher saw of them afterwards."""

    accepted: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    ready_to_row_s: list[float] = field(default_factory=list)
    ready_to_browser_s: list[float] = field(default_factory=list)
    stops_per_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)

    def take_from(self, watcher: Watcher) -> None:
        self.stored = {pod: watcher.seen[STORED][pod] for pod in self.accepted}
        self.ready = {pod: watcher.seen[READY][pod] for pod in self.accepted}

    @property
    def launches_per_s(self) -> float:
        """From the first that was accepted to the last that was ready."""
        return len(self.accepted) / (max(self.ready.values()) - min(self.accepted.values()))

    def to_pod_s(self) -> list[float]:
        # The watcher may hear of a pod before the caller has the answer.
        return [max(0.0, self.stored[pod] - at_s) for pod, at_s in self.accepted.items()]

    def to_ready_s(self) -> list[float]:
        return [self.ready[pod] - at_s for pod, at_s in self.accepted.items()]

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "launches_per_s": round(self.launches_per_s, 1),
            "to_pod_s": spread(self.to_pod_s()),
            "to_ready_s": spread(self.to_ready_s()),
        }
        if self.stops_per_s:
            found["stops_per_s"] = round(self.stops_per_s, 1)
        return found

    def cpu_ms(self, *names: str) -> float:
        """Of these processes, a launch."""
        return 1000 * sum(self.cpu_s[name] for name in names) / len(self.accepted)


def spread(values: list[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(percentile(values, share), 4) for name, share in shares.items()}


def spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """By name; what the machine spent on anything else is `elsewhere`: not of this bench."""
    found = {name: after[name] - before.get(name, 0.0) for name in after}
    machine = found.pop("machine")
    return found | {"elsewhere": max(0.0, machine - sum(found.values()))}
