"""What the chart says, as objects; and its accounts on a cluster, for tests that run as them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api import Api
from tests.running import ROOT

CHART = ROOT / "helm"
# The least that the chart asks for.
MINIMAL: dict[str, Any] = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())

Object = dict[str, Any]

# What stands before any pod of the platform: who may do what, and the desktops' priority.
_ACCOUNTS = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "PriorityClass",
)


def rendered(
    values: dict[str, Any] | None = None,
    *,
    release: str = "atelier",
    namespace: str = "atelier-system",
    is_upgrade: bool = False,
) -> list[Object]:
    """Every object of the chart, hooks included. `values` goes over the least that is needed."""
    from helm_python import Chart

    with Chart.load(CHART) as chart:
        files = chart.render(
            merged(MINIMAL, values or {}),
            name=release,
            namespace=namespace,
            is_upgrade=is_upgrade,
            is_install=not is_upgrade,
        )
    texts = [text for path, text in sorted(files.items()) if path.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """As Helm does with two files of values: maps are merged, everything else is replaced."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        nested = isinstance(value, dict) and isinstance(below, dict)
        both[key] = merged(below, value) if nested else value
    return both


def apply_accounts(
    admin_kubeconfig: str | Path,
    release: str = "atelier",
    namespace: str = "atelier-system",
    values: dict[str, Any] | None = None,
) -> None:
    """The namespace, the service accounts, their rights, the policies and the priority class."""
    api = Api(Path(admin_kubeconfig))
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    ours = rendered(values, release=release, namespace=namespace)
    for one in [home, *(each for each in ours if each["kind"] in _ACCOUNTS)]:
        api.apply(one, manager="chart-for-tests")
