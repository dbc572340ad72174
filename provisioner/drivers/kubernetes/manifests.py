"""Desktops as Kubernetes objects: plain dicts, ready to be sent. Pure.

Everything passes Pod Security *restricted*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from provisioner.drivers.base import DesktopSpec
from provisioner.drivers.kubernetes import names
from provisioner.errors import SpecRejected

STREAM_PORT = 6901
SECRET_FILE = "/run/secrets/desk/secret"  # noqa: S105 - a path
MODELS = "/opt/models"
USER = 1000
# A share of the memory that is sold, not on top: memory volumes count against the limit.
SHM_SHARE, SHM_LONGEST_MIB = 4, 8192
SCRATCH_GIB = 20
STOP_S = 30


@dataclass(frozen=True, slots=True)
class Site:
    """This installation, as far as pods show it."""

    prefix: str = "atelier"
    worker_account: tuple[str, str] = ("atelier-system", "atelier-worker")  # namespace, name
    gateway_namespace: str = "atelier-system"
    storage_class: str = ""  # empty: the cluster's default
    runtime_class: str = ""  # of pods with a card
    priority_class: str = ""
    image_pull_secret: str = ""
    models_claim: str = ""  # shared models, read-only; empty: pods see none
    blocked_cidrs: tuple[str, ...] = ()
    tolerations: tuple[tuple[tuple[str, str], ...], ...] = ()
    # Of one tenant, whatever the portal believes: a wall behind the queue's own limit.
    tenant_quota: tuple[tuple[str, str], ...] = (
        ("pods", "50"),
        ("persistentvolumeclaims", "200"),
        ("requests.storage", "100Ti"),
        ("requests.nvidia.com/gpu", "50"),
    )


# Answers without the secret, and only once there is a picture to be had.
_HEALTH = {"path": "/api/health", "port": "stream"}


def claim(site: Site, spec: DesktopSpec) -> dict[str, Any]:
    """The disk that is kept."""
    body: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{spec.disk_gib}Gi"}},
    }
    if site.storage_class:
        body["storageClassName"] = site.storage_class
    labels = names.of_desktop(site.prefix, spec.tenant, spec.id, spec.generation)
    del labels[names.GENERATION]  # it outlives every launch
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": names.claim(spec.id), "labels": labels},
        "spec": body,
    }


def secret(site: Site, spec: DesktopSpec) -> dict[str, Any]:
    """What every request to this launch must carry."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(site, spec, names.secret(spec.id, spec.generation)),
        "type": "Opaque",
        "immutable": True,
        "stringData": {"secret": spec.secret},
    }


def owner(id: UUID, uid: str) -> dict[str, Any]:
    """What is made for a pod goes with it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": names.pod(id),
        "uid": uid,
        "blockOwnerDeletion": False,
    }


def pod(site: Site, spec: DesktopSpec) -> dict[str, Any]:
    """One launch. SpecRejected."""
    _check(spec)
    body: dict[str, Any] = {
        "restartPolicy": "Never",  # whether to try again is our decision, and is counted
        "terminationGracePeriodSeconds": STOP_S,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            # Without it a disk with many files is walked through at every start.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec)],
        "volumes": _volumes(spec),
    }
    if site.models_claim:
        claim = {"claimName": site.models_claim, "readOnly": True}
        body["volumes"].append({"name": "models", "persistentVolumeClaim": claim})
        mount = {"name": "models", "mountPath": MODELS, "readOnly": True}
        body["containers"][0]["volumeMounts"].append(mount)
    if spec.gpu is not None:
        body["nodeSelector"] = dict(spec.gpu.node_labels)
        body["tolerations"] = [{"key": spec.gpu.resource, "operator": "Exists"}]
        if site.runtime_class:
            body["runtimeClassName"] = site.runtime_class
    body["tolerations"] = [
        *body.get("tolerations", []),
        *(dict(each) for each in site.tolerations),
    ]
    if site.priority_class:
        body["priorityClassName"] = site.priority_class
    if site.image_pull_secret:
        body["imagePullSecrets"] = [{"name": site.image_pull_secret}]
    metadata = _metadata(site, spec, names.pod(spec.id))
    if spec.apps:
        metadata["annotations"] = {names.APPS: _apps(spec)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def _apps(spec: DesktopSpec) -> str:
    return " ".join(f"{app.name}:{app.port}" for app in spec.apps)


def _metadata(site: Site, spec: DesktopSpec, name: str) -> dict[str, Any]:
    labels = names.of_desktop(site.prefix, spec.tenant, spec.id, spec.generation)
    return {"name": name, "labels": labels}


def _check(spec: DesktopSpec) -> None:
    if not spec.image:
        raise SpecRejected(f"the setup {spec.setup} has no container image", setup=spec.setup)
    for word, amount in (
        ("cpu_millis", spec.cpu_millis),
        ("memory_mib", spec.memory_mib),
        ("disk_gib", spec.disk_gib),
        ("generation", spec.generation),
    ):
        if amount < 1:
            raise SpecRejected(f"{word} is {amount}")
    ports = [STREAM_PORT, *(app.port for app in spec.apps)]
    if len(set(ports)) != len(ports):
        raise SpecRejected(f"two of the ports {ports} are the same")


def _container(spec: DesktopSpec) -> dict[str, Any]:
    amounts = {
        "cpu": f"{spec.cpu_millis}m",
        "memory": f"{spec.memory_mib}Mi",
        "ephemeral-storage": f"{SCRATCH_GIB}Gi",
    }
    env = [
        {"name": "DESK_PORT", "value": str(STREAM_PORT)},
        {"name": "DESK_SECRET_FILE", "value": SECRET_FILE},
        {"name": "DESK_APPS", "value": _apps(spec)},
        {"name": "HOME", "value": "/home/desk"},
    ]
    if spec.gpu is not None:
        amounts[spec.gpu.resource] = str(spec.gpu.count)
    else:
        # An image may ask for all cards by itself, and some runtimes would give them.
        env.append({"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"})
    return {
        "name": "desktop",
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "env": env,
        "ports": [
            {"name": "stream", "containerPort": STREAM_PORT},
            *({"containerPort": app.port} for app in spec.apps),
        ],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # Asked every second until it first answers, so people do not wait for a slow probe's turn;
        # then seldom, and patiently: a busy picture must not look like a dead desktop.
        "startupProbe": {
            "httpGet": _HEALTH,
            "periodSeconds": 1,
            "failureThreshold": 600,
        },
        "readinessProbe": {
            "httpGet": _HEALTH,
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 6,
        },
        "volumeMounts": [
            {"name": "home", "mountPath": "/home/desk"},
            {"name": "secret", "mountPath": "/run/secrets/desk", "readOnly": True},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - a mount of its own
            {"name": "run", "mountPath": "/run/desk"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of its own
        ],
    }


def _volumes(spec: DesktopSpec) -> list[dict[str, Any]]:
    shm_mib = max(64, min(SHM_LONGEST_MIB, spec.memory_mib // SHM_SHARE))
    secret_name = names.secret(spec.id, spec.generation)
    return [
        {"name": "home", "persistentVolumeClaim": {"claimName": names.claim(spec.id)}},
        {"name": "secret", "secret": {"secretName": secret_name, "defaultMode": 0o440}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{shm_mib}Mi"}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": f"{SCRATCH_GIB // 2}Gi"}},
    ]
