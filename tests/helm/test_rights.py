"""Exactly what the chart's accounts may do, as the real API server says, and what it refuses them.

rights.golden is that list. Where a change is meant, write it anew with
`ATELIER_WRITE_GOLDEN=1 pytest tests/helm/test_rights.py`, and let somebody read it twice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api import Api, ApiError
from tests.helm.conftest import (
    NAMESPACE,
    RELEASE,
    TENANT_NAMESPACE,
    Accounts,
    bindings,
    pods,
    refused,
)

pytestmark = pytest.mark.cluster
GOLDEN = Path(__file__).with_name("rights.golden")
NOBODY = "nobody-in-particular"
ELSEWHERE = "kube-system"


def rules(api: Api, namespace: str) -> set[tuple[str, str]]:
    """(resource, verb) of all that this account may do in this namespace, by any binding."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    told = api.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    assert not told["incomplete"], told
    found = set()
    for rule in told["resourceRules"]:
        for group in rule.get("apiGroups", [""]):
            for resource in rule["resources"]:
                what = f"{resource}.{group}" if group else resource
                named = [f"{what}/{name}" for name in rule.get("resourceNames", [])] or [what]
                found |= {(one, verb) for one in named for verb in rule["verbs"]}
    for rule in told["nonResourceRules"]:
        found |= {(url, verb) for url in rule["nonResourceURLs"] for verb in rule["verbs"]}
    return found


def written(found: set[tuple[str, str]]) -> list[str]:
    by_resource: dict[str, list[str]] = {}
    for resource, verb in sorted(found):
        by_resource.setdefault(resource, []).append(verb)
    return [f"  {resource}: {' '.join(verbs)}" for resource, verbs in by_resource.items()]


@pytest.fixture
def nobody(cluster: Any, accounts: Accounts) -> Api:
    """An account that nobody has given anything: what is allowed to all of them."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NOBODY}}
    accounts.admin.apply(account | {"metadata": {"name": NOBODY, "namespace": NAMESPACE}})
    assert accounts.admin.find(f"{path}/{NOBODY}")
    return Api(cluster.kubeconfig_for(NAMESPACE, NOBODY))


def test_the_accounts_may_do_what_the_golden_file_says(
    accounts: Accounts, tenant: str, nobody: Api
) -> None:
    lines = []
    places = {"everywhere": ELSEWHERE, "beside that, in a tenant's namespace": tenant}
    for who, api in (("worker", accounts.worker), ("watch", accounts.watch)):
        known = rules(nobody, ELSEWHERE)
        for place, namespace in places.items():
            found = rules(api, namespace) - known
            known |= found
            lines += [f"{who}, {place}:", *(written(found) or ["  nothing"]), ""]
    own = rules(accounts.worker, NAMESPACE) - rules(accounts.worker, ELSEWHERE)
    lines += ["worker, beside that, in the platform's own namespace:"]
    lines += written(own) or ["  nothing"]
    now = "\n".join(lines) + "\n"
    if os.environ.get("ATELIER_WRITE_GOLDEN"):
        GOLDEN.write_text(now)
    assert now == GOLDEN.read_text()


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
SECRETS = "/api/v1/namespaces/{}/secrets"
REFUSED: dict[str, tuple[str, str]] = {
    "secrets of the cluster": ("GET", SECRETS.format(ELSEWHERE)),
    "secrets of the platform": ("GET", SECRETS.format(NAMESPACE) + "/atelier"),
    "secrets of tenants": ("GET", SECRETS.format(TENANT_NAMESPACE)),
    "a shell in a desktop": ("POST", f"{pods()}/x/exec?command=sh"),
    "a way into a desktop": ("POST", f"{pods()}/x/portforward?ports=80"),
    "a desktop's logs": ("GET", f"{pods()}/x/log"),
    "every node's kubelet": ("GET", "/api/v1/nodes/plain-000/proxy/pods"),
    "to change a node": ("PATCH", "/api/v1/nodes/plain-000"),
    "to delete a namespace": ("DELETE", f"/api/v1/namespaces/{TENANT_NAMESPACE}"),
    "to relabel a namespace": ("PATCH", f"/api/v1/namespaces/{TENANT_NAMESPACE}"),
    "other accounts' tokens": (
        "POST",
        f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{RELEASE}-worker/token",
    ),
    "to change its own rights": (
        "PATCH",
        f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{RELEASE}-desktops",
    ),
    "to lift its policies": (
        "DELETE",
        f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{RELEASE}-pods",
    ),
    "disks of the cluster": ("POST", "/api/v1/persistentvolumes"),
    "pods of the cluster": ("POST", pods(ELSEWHERE)),
    "pods beside the platform": ("POST", pods(NAMESPACE)),
}


@pytest.mark.parametrize(("method", "path"), REFUSED.values(), ids=REFUSED)
def test_the_worker_is_refused(accounts: Accounts, tenant: str, method: str, path: str) -> None:
    body = {} if method in ("POST", "PATCH") else None
    kind = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
    with pytest.raises(ApiError) as refusal:
        accounts.worker.call(method, path, body, **kind)
    assert refusal.value.status == 403


def test_the_watch_makes_and_removes_nothing(accounts: Accounts, tenant: str) -> None:
    for path in (pods(), SECRETS.format(tenant), bindings(), "/api/v1/namespaces"):
        assert refused(accounts.watch, path, POD).startswith("403")


def test_the_portal_and_the_gateway_may_nothing(
    cluster: Any, accounts: Accounts, nobody: Api
) -> None:
    for who in ("portal", "gateway"):
        api = Api(cluster.kubeconfig_for(NAMESPACE, f"{RELEASE}-{who}"))
        assert rules(api, NAMESPACE) == rules(nobody, NAMESPACE)
