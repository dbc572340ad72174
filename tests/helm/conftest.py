"""A cluster with the chart's accounts on it, and a tenant whom the worker has let in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster import chart
from tests.cluster.access import Cluster
from tests.cluster.api import Api, ApiError
from tests.running import eventually

RELEASE, NAMESPACE = "atelier", "atelier-system"
TENANT = "c0ffee" + 26 * "0"
DESKTOP = "decade" + 26 * "0"
TENANT_NAMESPACE = f"{RELEASE}-t-{TENANT}"

OURS = {
    "atelier.dev/tenant": TENANT,
    "app.kubernetes.io/managed-by": "atelier",
    "app.kubernetes.io/instance": RELEASE,
}
PSA = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


@dataclass(frozen=True)
class Accounts:
    """The chart's two accounts that talk to the API server, and who watches them."""

    admin: Api
    worker: Api
    watch: Api


def namespace_of(tenant: str = TENANT, **metadata: Any) -> dict[str, Any]:
    labels = OURS | PSA | {"atelier.dev/tenant": tenant}
    named = {"name": f"{RELEASE}-t-{tenant}", "labels": labels} | metadata
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": named}


def binding(**over: Any) -> dict[str, Any]:
    worker = {"kind": "ServiceAccount", "name": f"{RELEASE}-worker", "namespace": NAMESPACE}
    role = {"kind": "ClusterRole", "name": f"{RELEASE}-desktops"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{RELEASE}-desktops"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io"} | role,
        "subjects": [worker],
    } | over


def pods(namespace: str = TENANT_NAMESPACE) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def bindings(namespace: str = TENANT_NAMESPACE) -> str:
    return f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"


@pytest.fixture(scope="session")
def accounts(cluster: Cluster) -> Accounts:
    chart.apply_accounts(cluster.kubeconfig, RELEASE, NAMESPACE)
    made = Accounts(
        cluster.api,
        *(
            Api(cluster.kubeconfig_for(NAMESPACE, f"{RELEASE}-{who}"))
            for who in ("worker", "watch")
        ),
    )
    # Policies count a moment after they are stored.
    eventually(lambda: refused(made.worker, "/api/v1/namespaces", namespace_of(name="x")))
    return made


@pytest.fixture(scope="session")
def tenant(accounts: Accounts) -> str:
    """A namespace that the worker has made, with its role in it."""
    for path, thing in (("/api/v1/namespaces", namespace_of()), (bindings(), binding())):
        try:
            accounts.worker.post(path, thing)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
    # The authorizer hears of a new binding a moment later.
    eventually(lambda: may_list(accounts.worker), what="the role counts")
    return TENANT_NAMESPACE


def may_list(api: Api) -> bool:
    try:
        api.get(f"/api/v1/namespaces/{TENANT_NAMESPACE}/events")
    except ApiError:
        return False
    return True


def refused(api: Api, path: str, thing: dict[str, Any]) -> str:
    """What the API server says against making this; empty where it would make it."""
    try:
        api.post(path, thing, dryRun="All")
    except ApiError as error:
        return f"{error.status} {error}"
    return ""
