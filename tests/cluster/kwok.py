"""kwok plays the kubelets of all fake nodes, as the files in stages/ say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import Process

STAGES = Path(__file__).with_name("stages")
# Nodes that kwok keeps alive: ours, as long as nobody has declared them lost.
LOST = "test.atelier.dev/lost"
MANAGED = f"type=kwok,!{LOST}"
# Its pods' addresses lie in a range for documentation: nothing answers there.
POD_CIDR = "198.18.0.0/15"
_PARALLEL = 16


def start(plane: ControlPlane, *, stages: Sequence[Path] = ()) -> Process:
    """`stages`: files beside, or instead of, those that lie here."""
    configuration = plane.folder / "kwok.yaml"
    options = {
        "manageNodesWithLabelSelector": MANAGED,
        "cidr": POD_CIDR,
        "nodeIP": "192.0.2.1",
        "nodeLeaseDurationSeconds": 40,
        "nodeLeaseParallelism": 4,
        "podPlayStageParallelism": _PARALLEL,
        "nodePlayStageParallelism": _PARALLEL,
    }
    kind = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration"}
    configuration.write_text(json.dumps(kind | {"options": options}))
    files = [configuration, *(stages or sorted(STAGES.glob("*.yaml")))]
    return plane.run(
        "kwok",
        f"--kubeconfig={plane.kubeconfig}",
        *(f"--config={path}" for path in files),
    )
