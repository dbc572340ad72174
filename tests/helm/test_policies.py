"""What the admission policies let the worker put into what it may make, on a real API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.api import Api, ApiError
from tests.helm.conftest import (
    DESKTOP,
    NAMESPACE,
    OURS,
    RELEASE,
    TENANT,
    TENANT_NAMESPACE,
    Accounts,
    binding,
    bindings,
    namespace_of,
    pods,
    refused,
)
from tests.running import eventually

pytestmark = pytest.mark.cluster
Change = Callable[[dict[str, Any]], object]


def pod() -> dict[str, Any]:
    """The least that a desktop's pod is."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"d-{DESKTOP}",
            "labels": {"atelier.dev/desktop": DESKTOP, "atelier.dev/tenant": TENANT},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container("desktop")],
            "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
            "priorityClassName": f"{RELEASE}-desktop",
        },
    }


def container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": "registry.test/desk",
        "env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def first(thing: dict[str, Any]) -> dict[str, Any]:
    return thing["spec"]["containers"][0]


def with_card(thing: dict[str, Any]) -> None:
    first(thing)["resources"]["limits"]["nvidia.com/gpu"] = "1"
    del first(thing)["env"]


def with_init(change: Change) -> Change:
    """The same in an init container."""

    def add(thing: dict[str, Any]) -> None:
        inner = {"spec": {"containers": [container("init")]}}
        change(inner)
        thing["spec"]["initContainers"] = inner["spec"]["containers"]

    return add


ALLOWED: dict[str, Change] = {
    "as it is": lambda thing: None,
    "with a card": with_card,
    "with an init container": with_init(lambda thing: None),
    "with disk and secret": lambda thing: thing["spec"].update(
        volumes=[
            {"name": "home", "persistentVolumeClaim": {"claimName": "d-x-home"}},
            {"name": "secret", "secret": {"secretName": "d-x-g1"}},
        ]
    ),
}


def set_in_spec(**values: Any) -> Change:
    return lambda thing: thing["spec"].update(values)


def set_in_container(**values: Any) -> Change:
    return lambda thing: first(thing).update(values)


def security(**values: Any) -> Change:
    return lambda thing: first(thing)["securityContext"].update(values)


FORBIDDEN: dict[str, tuple[Change, str]] = {
    "no desktop": (lambda t: t["metadata"]["labels"].pop("atelier.dev/desktop"), "whose it is"),
    "another tenant": (
        lambda t: t["metadata"]["labels"].update({"atelier.dev/tenant": 32 * "0"}),
        "whose it is",
    ),
    "token": (set_in_spec(automountServiceAccountToken=True), "token"),
    "token by silence": (lambda t: t["spec"].pop("automountServiceAccountToken"), "token"),
    "node by name": (set_in_spec(nodeName="plain-000"), "nothing of its node"),
    "host network": (set_in_spec(hostNetwork=True), "nothing of its node"),
    "host PIDs": (set_in_spec(hostPID=True), "nothing of its node"),
    "host IPC": (set_in_spec(hostIPC=True), "nothing of its node"),
    "host path": (
        set_in_spec(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
        "mounts only",
    ),
    "projected token": (
        set_in_spec(
            volumes=[
                {
                    "name": "token",
                    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
                }
            ]
        ),
        "mounts only",
    ),
    "network share": (
        set_in_spec(volumes=[{"name": "nfs", "nfs": {"server": "10.0.0.1", "path": "/"}}]),
        "mounts only",
    ),
    "host port": (set_in_container(ports=[{"containerPort": 80, "hostPort": 80}]), "no port of"),
    "privileged": (
        security(privileged=True, allowPrivilegeEscalation=True),
        "drop ALL capabilities",
    ),
    "may gain privileges": (security(allowPrivilegeEscalation=True), "drop ALL capabilities"),
    "keeps capabilities": (security(capabilities={}), "drop ALL capabilities"),
    "adds one": (
        security(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        "drop ALL capabilities",
    ),
    "root": (lambda t: t["spec"]["securityContext"].pop("runAsNonRoot"), "not root"),
    "root in one container": (security(runAsNonRoot=False), "not root"),
    "no limits": (set_in_container(resources={}), "limits of CPU and memory"),
    "no memory limit": (
        set_in_container(resources={"limits": {"cpu": "1"}}),
        "limits of CPU and memory",
    ),
    "all cards": (
        set_in_container(env=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]),
        "NVIDIA_VISIBLE_DEVICES",
    ),
    "cards of the image": (set_in_container(env=[]), "NVIDIA_VISIBLE_DEVICES"),
    "another runtime": (set_in_spec(runtimeClassName="weaker"), "runtime class"),
    "above others": (set_in_spec(priorityClassName="system-node-critical"), "priority class"),
    "privileged init": (
        with_init(security(privileged=True, allowPrivilegeEscalation=True)),
        "drop ALL capabilities",
    ),
    "init without limits": (with_init(set_in_container(resources={})), "limits of CPU"),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_a_desktop_s_pod_may_be_made(accounts: Accounts, tenant: str, change: Change) -> None:
    thing = pod()
    change(thing)
    assert refused(accounts.worker, pods(), thing) == ""


@pytest.fixture(scope="module")
def bare(accounts: Accounts) -> str:
    """A tenant's namespace where Pod Security is silent, so that the policies speak alone."""
    labels = OURS | {"pod-security.kubernetes.io/enforce": "privileged"}
    place = f"{RELEASE}-t-bare"
    metadata = {"name": place, "labels": labels}
    accounts.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    weaker = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "weaker"}
    accounts.admin.apply(weaker | {"metadata": {"name": "weaker"}})
    bound(accounts, place)
    return place


def bound(accounts: Accounts, place: str) -> None:
    """The desktops' role in any namespace, as only an administrator can give it."""
    accounts.admin.apply(binding(metadata={"name": f"{RELEASE}-desktops", "namespace": place}))
    eventually(lambda: may(accounts.worker, place), what="the role counts")


def may(api: Api, place: str) -> bool:
    try:
        api.get(f"/api/v1/namespaces/{place}/events")
    except ApiError:
        return False
    return True


@pytest.mark.parametrize(("change", "said"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_pod_that_could_do_harm_may_not(
    accounts: Accounts, tenant: str, bare: str, change: Change, said: str
) -> None:
    thing = pod()
    change(thing)
    assert refused(accounts.worker, pods(tenant), thing)
    answer = refused(accounts.worker, pods(bare), thing)
    assert f"'{RELEASE}-pods'" in answer and said in answer, answer


def test_pods_are_made_nowhere_else_even_where_a_role_would_allow_it(
    accounts: Accounts, tenant: str
) -> None:
    """As though somebody had bound the role in a namespace that is no tenant's."""
    place = "not-a-tenant"
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
    accounts.admin.apply(home)
    bound(accounts, place)
    answer = refused(accounts.worker, pods(place), pod())
    assert "only in tenants' namespaces" in answer


NAMESPACES: dict[str, tuple[dict[str, Any], str]] = {
    "another name": (namespace_of(name="kube-desktops"), "is called"),
    "another release's": (namespace_of(name=f"other-t-{TENANT}"), "is called"),
    "no labels": (namespace_of(labels={}), "says whose it is"),
    "another tenant's": (namespace_of(name=f"{RELEASE}-t-{32 * 'a'}"), "says whose it is"),
    "no Pod Security": (namespace_of("b" * 32), "restricted"),
    "weaker Pod Security": (namespace_of("b" * 32), "restricted"),
    "older Pod Security": (namespace_of("b" * 32), "restricted"),
}
_ENFORCED = "pod-security.kubernetes.io/enforce"
del NAMESPACES["no Pod Security"][0]["metadata"]["labels"][_ENFORCED]
NAMESPACES["weaker Pod Security"][0]["metadata"]["labels"][_ENFORCED] = "baseline"
NAMESPACES["older Pod Security"][0]["metadata"]["labels"][f"{_ENFORCED}-version"] = "v1.24"


@pytest.mark.parametrize(("thing", "said"), NAMESPACES.values(), ids=NAMESPACES)
def test_a_namespace_that_is_no_tenant_s_may_not(
    accounts: Accounts, thing: dict[str, Any], said: str
) -> None:
    answer = refused(accounts.worker, "/api/v1/namespaces", thing)
    assert f"'{RELEASE}-namespaces'" in answer and said in answer


def subject(**over: str) -> list[dict[str, str]]:
    return [binding()["subjects"][0] | over]


def role(**over: str) -> dict[str, str]:
    return binding()["roleRef"] | over


BINDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "another account": (binding(subjects=subject(name="default")), "to itself alone"),
    "another namespace's": (binding(subjects=subject(namespace=TENANT_NAMESPACE)), "itself alone"),
    "nobody": (binding(subjects=[]), "to itself alone"),
    "one more": (
        binding(subjects=[*subject(), {"kind": "User", "name": "mallory"}]),
        "to itself alone",
    ),
    "another name": (binding(metadata={"name": "mine"}), "only the role"),
}


@pytest.mark.parametrize(("thing", "said"), BINDINGS.values(), ids=BINDINGS)
def test_a_binding_to_anybody_else_may_not(
    accounts: Accounts, tenant: str, thing: dict[str, Any], said: str
) -> None:
    answer = refused(accounts.worker, bindings(), thing)
    assert f"'{RELEASE}-bindings'" in answer and said in answer


@pytest.mark.parametrize("name", ["cluster-admin", f"{RELEASE}-tenants"])
def test_a_binding_of_another_role_may_not(accounts: Accounts, tenant: str, name: str) -> None:
    """RBAC itself refuses what it does not hold; its own roles are refused by the policy."""
    answer = refused(accounts.worker, bindings(), binding(roleRef=role(name=name)))
    assert "only the role" in answer or answer.startswith("403")


@pytest.mark.parametrize("place", ["kube-system", "default", NAMESPACE])
def test_a_binding_outside_tenants_namespaces_may_not(accounts: Accounts, place: str) -> None:
    answer = refused(accounts.worker, bindings(place), binding())
    assert "only in tenants' namespaces" in answer


def test_others_are_not_held_to_it(accounts: Accounts) -> None:
    """The policies are about the worker: whoever runs the cluster notices nothing of them."""
    thing = pod()
    thing["spec"]["containers"][0]["securityContext"]["privileged"] = True
    thing["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert refused(accounts.admin, pods("default"), thing) == ""
