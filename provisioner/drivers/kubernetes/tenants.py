"""A tenant's namespace and what keeps it, as Kubernetes objects. Pure.

Quotas count pods, disks and cards and never secrets, because each write of a counted kind waits
for the quota's last one. Nothing reaches a desktop but the gateway; it reaches the Internet and
names, but no cluster, machine, metadata or private address.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.manifests import Site
from provisioner.drivers.networks import PRIVATE_V4, PRIVATE_V6


def room(site: Site, tenant: UUID) -> list[dict[str, Any]]:
    """A tenant's namespace and what keeps it, in the order in which it is made."""
    namespace = names.namespace(site.prefix, tenant)
    labels = names.everything(site.prefix, tenant)
    levels = {f"pod-security.kubernetes.io/{how}": "restricted" for how in _HOW}

    def thing(version: str, kind: str, name: str, **parts: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}

    account_namespace, account = site.worker_account
    role = f"{site.prefix}-desktops"
    policy = "networking.k8s.io/v1"
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels | levels},
        },
        thing(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            role,
            roleRef={
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            subjects=[{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
        ),
        thing("v1", "LimitRange", "desktops", spec={"limits": [_LIMITS]}),
        thing(policy, "NetworkPolicy", "nothing-by-default", spec=_nothing()),
        thing(policy, "NetworkPolicy", "from-the-gateway", spec=_from_gateway(site)),
        thing(policy, "NetworkPolicy", "to-the-internet", spec=_to_internet(site)),
        thing("v1", "ResourceQuota", "desktops", spec={"hard": dict(site.tenant_quota)}),
    ]


_HOW = ("enforce", "audit", "warn")
# For whatever is not made by us and says nothing; our own pods name everything.
_LIMITS = {
    "type": "Container",
    "default": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    "defaultRequest": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
}


def _nothing() -> dict[str, Any]:
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def _from_gateway(site: Site) -> dict[str, Any]:
    gateway = {
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": site.gateway_namespace}
        },
        "podSelector": {"matchLabels": {names.COMPONENT: "gateway", names.INSTANCE: site.prefix}},
    }
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [gateway]}]}


def _to_internet(site: Site) -> dict[str, Any]:
    blocked_v4 = [each for each in site.blocked_cidrs if ":" not in each]
    blocked_v6 = [each for each in site.blocked_cidrs if ":" in each]
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [dns],
                "ports": [{"protocol": how, "port": 53} for how in ("UDP", "TCP")],
            },
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": [*PRIVATE_V4, *blocked_v4]}},
                    {"ipBlock": {"cidr": "::/0", "except": [*PRIVATE_V6, *blocked_v6]}},
                ],
                "ports": [  # all but mail: nobody sends it from a desktop but thieves
                    {"protocol": "TCP", "port": 1, "endPort": 24},
                    {"protocol": "TCP", "port": 26, "endPort": 65535},
                    {"protocol": "UDP", "port": 1, "endPort": 65535},
                ],
            },
        ],
    }
