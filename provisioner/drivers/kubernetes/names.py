"""What things are called in the cluster. Pure; valid (RFC 1123 labels) for any desktop and tenant.

All launches of a desktop share one pod name, so the API server itself refuses a second pod.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from provisioner.drivers.kubernetes.pods import Pod

DESKTOP = "atelier.dev/desktop"
TENANT = "atelier.dev/tenant"
GENERATION = "atelier.dev/generation"
FILES = "atelier.dev/files"  # a pod that is no desktop: it shows the files of one that rests
APPS = "atelier.dev/apps"  # annotation: `name:port` pairs, separated by spaces
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
MANAGER = "atelier"

PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")


def namespace(prefix: str, tenant: UUID) -> str:
    """A tenant's own. At most 55 characters. ValueError for a prefix that makes no name."""
    if not PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r}: 1 to 20 of a-z, 0-9 and -, beginning with a letter")
    return f"{prefix}-t-{tenant.hex}"


def pod(id: UUID) -> str:
    return f"d-{id.hex}"


def claim(id: UUID) -> str:
    return f"d-{id.hex}-home"


def secret(id: UUID, generation: int) -> str:
    return f"d-{id.hex}-g{generation}"


def everything(prefix: str, tenant: UUID) -> dict[str, str]:
    """Labels of whatever is made for a tenant."""
    return {MANAGED_BY: MANAGER, INSTANCE: prefix, TENANT: tenant.hex}


def of_desktop(prefix: str, tenant: UUID, id: UUID, generation: int) -> dict[str, str]:
    """Labels of whatever is made for a desktop."""
    return everything(prefix, tenant) | {DESKTOP: id.hex, GENERATION: str(generation)}


def selector(prefix: str) -> str:
    """Finds everything of all desktops of this installation."""
    return f"{MANAGED_BY}={MANAGER},{INSTANCE}={prefix},{DESKTOP},!{FILES}"


def files_selector(prefix: str) -> str:
    """Finds all pods that show the files of desktops that rest."""
    return f"{MANAGED_BY}={MANAGER},{INSTANCE}={prefix},{FILES}"


def uuid_of(labels: dict[str, str], key: str) -> UUID | None:
    """The id that a label says, or None where it says none."""
    try:
        return UUID(hex=labels.get(key, ""))
    except ValueError:
        return None


def is_ours(prefix: str, seen: Pod) -> bool:
    """It is called and lies as we would have it: labels alone can be put on by anybody."""
    return seen.name == pod(seen.id) and seen.namespace == namespace(prefix, seen.tenant)
