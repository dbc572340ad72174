"""Installed, upgraded, rolled back and removed on a real control plane, by Helm's own library.

Its nodes are fakes: pods become ready and jobs complete because kwok says so. That the commands in
them work is for the platform's image to show (images/platform); here it is the objects that are
real, and the API server's and the controllers' word on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import helm_python
import pytest

from tests.cluster.access import Cluster
from tests.cluster.api import Api, ApiError
from tests.cluster.chart import CHART, MINIMAL, Object, merged, rendered
from tests.helm.test_values import VARIANTS, template
from tests.running import eventually

pytestmark = pytest.mark.cluster
RELEASE, NAMESPACE = "walk", "walk-system"
WAIT: dict[str, Any] = {"wait": "watcher", "timeout": 120}
CLUSTER_WIDE = (
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
)


def dry_run(api: Api, one: Object) -> None:
    """Everything of an apply but the writing. ApiError says what is wrong with it."""
    api.patch(api.path_of(one), one, kind="apply", fieldManager="tests", dryRun="All")


def restricted(api: Api, name: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    meta = {"name": name, "labels": labels}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: api.find(account), what="its account")


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_api_server_takes_every_object_and_its_pods_are_restricted(
    cluster: Cluster, values: dict[str, Any]
) -> None:
    restricted(cluster.api, "dry-system")
    for one in rendered(values, release="dry", namespace="dry-system"):
        if one["kind"] != "Pod":
            dry_run(cluster.api, one)
        if pod := template(one):
            dry_run(cluster.api, alone(pod, one["metadata"]["name"]))


def alone(template: Object, name: str) -> Object:
    """As a pod of its own: those are what Pod Security refuses; of controllers it only warns."""
    meta = {"name": f"{name}-alone", "namespace": "dry-system"}
    # Admission looks for the account before it looks at anything else.
    spec = template["spec"] | {"serviceAccountName": "default", "priorityClassName": ""}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


@pytest.fixture
def helm(cluster: Cluster) -> Iterator[helm_python.Config]:
    restricted(cluster.api, NAMESPACE)
    with helm_python.Config(kubeconfig_path=cluster.kubeconfig, namespace=NAMESPACE) as config:
        yield config
        config.uninstall(RELEASE, ignore_not_found=True, wait="watcher", timeout=60)


def of(version: str, **over: Any) -> dict[str, Any]:
    return merged(MINIMAL, {"image": {"tag": version}} | over)


def running(api: Api) -> dict[str, tuple[str, int]]:
    """Each Deployment's image and how many of its pods are ready."""
    found = api.list(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
    return {
        one["metadata"]["name"].removeprefix(f"{RELEASE}-"): (
            one["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2],
            one["status"].get("readyReplicas", 0),
        )
        for one in found
    }


def everywhere(version: str, **replicas: int) -> dict[str, tuple[str, int]]:
    usual = {"portal": 2, "gateway": 2, "worker": 2, "watch": 2, "clock": 1} | replicas
    return {name: (version, count) for name, count in usual.items()}


def left(api: Api) -> list[str]:
    """What of the release is still there."""
    inside = [
        f"{root}/namespaces/{NAMESPACE}/{kind}"
        for root, kinds in {
            "/api/v1": ("services", "configmaps", "serviceaccounts", "pods", "secrets"),
            "/apis/apps/v1": ("deployments",),
            "/apis/batch/v1": ("jobs",),
            "/apis/networking.k8s.io/v1": ("ingresses", "networkpolicies"),
            "/apis/policy/v1": ("poddisruptionbudgets",),
        }.items()
        for kind in kinds
    ]
    return [
        f"{path.rpartition('/')[2]}/{one['metadata']['name']}"
        for path in (*CLUSTER_WIDE, *inside)
        for one in api.list(path)
        if one["metadata"]["name"].startswith((f"{RELEASE}-", "sh.helm"))
    ]


def test_it_is_installed_upgraded_rolled_back_and_removed(
    cluster: Cluster, helm: helm_python.Config
) -> None:
    api = cluster.api
    made = helm.install(CHART, RELEASE, of("1.0"), **WAIT)
    assert (made["revision"], made["status"]) == (1, "deployed")
    assert running(api) == everywhere("1.0")
    helm.test(RELEASE, timeout=60)

    # A tenant's desktop goes on through all that follows.
    tenant = f"{RELEASE}-t-{'a' * 32}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant}})

    made = helm.upgrade(CHART, RELEASE, of("2.0", portal={"replicas": 3}), **WAIT)
    assert made["revision"] == 2
    eventually(lambda: running(api) == everywhere("2.0", portal=3), what="the newer")

    helm.rollback(RELEASE, **WAIT)
    eventually(lambda: running(api) == everywhere("1.0"), what="the older again")
    assert [one["status"] for one in helm.history(RELEASE)] == [
        "superseded",
        "superseded",
        "deployed",
    ]

    helm.uninstall(RELEASE, wait="watcher", timeout=60)
    eventually(lambda: left(api) == [], seconds=60, what="nothing of it is left")
    assert api.find(f"/api/v1/namespaces/{tenant}"), "what belongs to tenants stays"


def test_the_tables_are_made_before_anything_runs(
    cluster: Cluster, helm: helm_python.Config
) -> None:
    """A migration that cannot run ends the upgrade, and what runs goes on as it was."""
    helm.install(CHART, RELEASE, of("1.0"), **WAIT)
    broken = of("fails-image-pull", migrate={"deadlineSeconds": 10})
    with pytest.raises(helm_python.HelmReleaseError, match="pre-upgrade"):
        helm.upgrade(CHART, RELEASE, broken, **WAIT)
    assert running(cluster.api) == everywhere("1.0")
    job = cluster.api.find(f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{RELEASE}-migrate")
    assert job, "the failed job stays, to be read"

    helm.upgrade(CHART, RELEASE, of("2.0"), **WAIT)
    eventually(lambda: running(cluster.api) == everywhere("2.0"), what="the next attempt")


def test_with_wrong_values_nothing_is_touched(cluster: Cluster, helm: helm_python.Config) -> None:
    with pytest.raises(helm_python.HelmError, match="/portal/host"):
        helm.install(CHART, RELEASE, of("1.0", portal={"host": "https://desks"}), **WAIT)
    assert left(cluster.api) == []


def test_two_installations_of_one_name_are_refused(
    cluster: Cluster, helm: helm_python.Config
) -> None:
    """They would share the tenants' namespaces."""
    helm.install(CHART, RELEASE, of("1.0"), **WAIT)
    restricted(cluster.api, "walk-elsewhere")
    with (
        helm_python.Config(
            kubeconfig_path=cluster.kubeconfig, namespace="walk-elsewhere"
        ) as other,
        pytest.raises(helm_python.HelmError, match="ownership"),
    ):
        other.install(CHART, RELEASE, of("1.0"), **WAIT)
    with pytest.raises(ApiError):
        cluster.api.get(f"/apis/apps/v1/namespaces/walk-elsewhere/deployments/{RELEASE}-portal")
