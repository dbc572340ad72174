"""Whatever is sold becomes objects that a real API server takes, as restricted as can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.drivers.base import App, DesktopSpec, GpuNeed
from provisioner.drivers.kubernetes import manifests, names, tenants
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.errors import SpecRejected
from tests.cluster.access import Cluster
from tests.cluster.api import ApiError
from tests.provisioner.drivers.contract import a_spec

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SITE = Site(
    prefix="dry",
    storage_class="test",
    runtime_class="",
    blocked_cidrs=("203.0.113.0/24", "2001:db8::/32"),
    tolerations=((("key", "desktops"), ("operator", "Exists")),),
)

ids = st.uuids()
specs = st.builds(
    a_spec,
    ids,
    generation=st.integers(1, 10**6),
    cpu_millis=st.integers(1, 256_000),
    memory_mib=st.integers(1, 2**21),
    disk_gib=st.integers(1, 64_000),
    name=st.text(max_size=60),
    secret=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
    gpu=st.none() | st.builds(
        GpuNeed, gpu_class=st.just("x"), count=st.integers(1, 16), vram_mib=st.integers(1, 10**6)
    ),
    apps=st.lists(
        st.builds(App, name=st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True),
                  port=st.integers(1024, 6900)),
        max_size=3,
        unique_by=(lambda app: app.name, lambda app: app.port),
    ).map(tuple),
)  # fmt: skip


@given(tenant=ids, desktop=ids, generation=st.integers(1, 10**9))
def test_every_name_is_one_that_kubernetes_takes(
    tenant: UUID, desktop: UUID, generation: int
) -> None:
    for name in (
        names.namespace("a" * 20, tenant),
        names.pod(desktop),
        names.claim(desktop),
        names.secret(desktop, generation),
    ):
        assert LABEL.fullmatch(name), name
    assert names.uuid_of({names.DESKTOP: desktop.hex}, names.DESKTOP) == desktop


@pytest.mark.parametrize("prefix", ["", "A", "-a", "a-", "a" * 21, "a.b", "a b", "9a"])
def test_a_prefix_that_makes_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        names.namespace(prefix, uuid4())


@given(spec=specs)
def test_every_pod_is_shut_in(spec: DesktopSpec) -> None:
    pod = manifests.pod(SITE, spec)["spec"]
    [container] = pod["containers"]
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert {"cpu", "memory", "ephemeral-storage"} <= resources["limits"].keys()
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["restartPolicy"] == "Never"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & pod.keys()
    assert {kind for volume in pod["volumes"] for kind in volume} <= {
        *("name", "persistentVolumeClaim", "secret", "emptyDir"),
    }
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert spec.secret not in variables.values() or len(spec.secret) < 20
    blind = variables.get("NVIDIA_VISIBLE_DEVICES") == "void"
    assert blind == (spec.gpu is None), "cards only for whom they were sold"
    shm = next(v["emptyDir"]["sizeLimit"] for v in pod["volumes"] if v["name"] == "shm")
    assert int(shm.removesuffix("Mi")) <= max(64, spec.memory_mib)


@pytest.mark.parametrize(
    "changes",
    [
        {"image": ""},
        {"cpu_millis": 0},
        {"memory_mib": -1},
        {"disk_gib": 0},
        {"generation": 0},
        {"apps": (App("one", 7860), App("two", 7860))},
        {"apps": (App("stream", manifests.STREAM_PORT),)},
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(changes: dict[str, Any]) -> None:
    with pytest.raises(SpecRejected):
        manifests.pod(SITE, replace(a_spec(), **changes))


def test_a_quota_counts_no_secrets() -> None:
    """Each writer of a counted kind waits for the one before."""
    [quota] = [each for each in tenants.room(SITE, uuid4()) if each["kind"] == "ResourceQuota"]
    assert not [key for key in quota["spec"]["hard"] if "secret" in key]


def reached(address: str) -> bool:
    """Whether a desktop may speak to this address, by the policies as they are written."""
    policies = [each for each in tenants.room(SITE, uuid4()) if each["kind"] == "NetworkPolicy"]
    rules = [rule for each in policies for rule in each["spec"].get("egress", [])]
    for rule in rules:
        for peer in rule["to"]:
            block = peer.get("ipBlock")
            if block is None or ip_address(address) not in ip_network(block["cidr"]):
                continue
            if not any(ip_address(address) in ip_network(each) for each in block["except"]):
                return True
    return False


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.100.100.200"),
        *("168.63.129.16", "127.0.0.1", "203.0.113.7", "fd00:ec2::254", "fe80::1", "::1"),
        *("2001:db8::1", "fc00::1", "0.0.0.0"),
    ],
)
def test_no_desktop_reaches_the_inside(address: str) -> None:
    assert not reached(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "9.9.9.9", "2606:4700::1111"])
def test_a_desktop_reaches_the_internet(address: str) -> None:
    assert reached(address)


def test_mail_is_sent_by_nobody() -> None:
    room = tenants.room(SITE, uuid4())
    [internet] = [each for each in room if each["metadata"]["name"] == "to-the-internet"]
    ports = internet["spec"]["egress"][1]["ports"]
    tcp = [each for each in ports if each["protocol"] == "TCP"]
    assert not [each for each in tcp if each["port"] <= 25 <= each["endPort"]]


# --- What the API server says -------------------------------------------------------------------


@pytest.fixture(scope="module")
def room(cluster: Cluster) -> Iterator[str]:
    """A tenant's namespace with everything that keeps it, made by an administrator."""
    tenant = uuid4()
    for thing in tenants.room(SITE, tenant):
        if thing["kind"] != "RoleBinding":
            cluster.api.apply(thing)
    namespace = names.namespace("dry", tenant)
    yield namespace
    cluster.api.delete(f"/api/v1/namespaces/{namespace}")


@pytest.mark.cluster
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(spec=specs)
def test_the_api_server_takes_whatever_is_sold(
    cluster: Cluster, room: str, spec: DesktopSpec
) -> None:
    for kind, thing in (
        ("pods", manifests.pod(SITE, spec)),
        ("secrets", manifests.secret(SITE, spec)),
        ("persistentvolumeclaims", manifests.claim(SITE, spec)),
    ):
        cluster.api.post(f"/api/v1/namespaces/{room}/{kind}", thing, dryRun="All")


@pytest.mark.cluster
def test_the_room_is_restricted(cluster: Cluster, room: str) -> None:
    """Pod Security refuses what we would never send."""
    pod = manifests.pod(SITE, a_spec())
    pod["spec"]["hostNetwork"] = True
    with pytest.raises(ApiError) as refused:
        cluster.api.post(f"/api/v1/namespaces/{room}/pods", pod, dryRun="All")
    assert refused.value.status == 403
    assert "restricted" in str(refused.value)


def test_shared_models_are_mounted_to_be_read_alone() -> None:
    pod = manifests.pod(replace(SITE, models_claim="shared-models"), a_spec())
    [volume] = [one for one in pod["spec"]["volumes"] if one["name"] == "models"]
    claim = {"claimName": "shared-models", "readOnly": True}
    assert volume == {"name": "models", "persistentVolumeClaim": claim}
    [container] = pod["spec"]["containers"]
    assert {"name": "models", "mountPath": "/opt/models", "readOnly": True} in container[
        "volumeMounts"
    ]
    plain = manifests.pod(SITE, a_spec())
    assert all(one["name"] != "models" for one in plain["spec"]["volumes"])
