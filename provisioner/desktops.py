"""The will: writes down what is wanted. Never looks at the world and never touches it.

Every verb runs inside the caller's transaction and nudges the worker once that is committed.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from provisioner import files, nudge, timeline
from provisioner.errors import NotAllowedNow, ProvisionerError
from provisioner.models import Desktop, Transition
from provisioner.states import Desired, Observed, Status

__all__ = [
    "Desktop",
    "NameTaken",
    "Route",
    "Spec",
    "decline",
    "delete",
    "find",
    "launch",
    "move",
    "rename",
    "route",
    "routes",
    "start",
    "stop",
    "visible_to",
]


class NameTaken(ProvisionerError):
    """The tenant already has a desktop of that name."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What was sold, as sold: a snapshot, so that a later catalogue changes no running desktop."""

    plan: str
    plan_title: str
    setup: str
    setup_title_en: str
    setup_title_zh: str
    setup_version: str
    image: str
    cpu_millis: int
    memory_mib: int
    disk_gib: int
    gpu_class: str = ""
    gpu_title: str = ""
    gpu_count: int = 0
    vram_mib: int = 0
    gpu_resource: str = ""
    gpu_node_labels: dict[str, str] = field(default_factory=dict)
    apps: tuple[dict[str, Any], ...] = ()
    setup_digest: str = ""  # of what that version consists of; empty: whatever it is

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"apps": list(self.apps)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Spec:
        return cls(**(data | {"apps": tuple(data.get("apps", ()))}))


# What another version of the same setup changes; the rest stays as it was sold.
OF_THE_SETUP = (
    "setup_title_en", "setup_title_zh", "setup_version", "setup_digest", "image", "apps",
)  # fmt: skip


# Nothing answers there: whoever is on the way waits, and asks again.
NOT_YET = "unix:/nonexistent/not-yet.sock"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a desktop answers, and the secret it wants to hear. No endpoint: it rests."""

    desktop_id: UUID
    tenant_id: UUID
    generation: int
    endpoint: str
    app_endpoints: dict[str, str]
    secret: str


def launch(*, tenant_id: UUID, name: str, spec: Spec, id: UUID | None = None) -> Desktop:
    """A new desktop that shall run. NameTaken."""
    try:
        with transaction.atomic():
            desktop = Desktop.objects.create(
                id=id or uuid.uuid4(),
                tenant_id=tenant_id,
                name=name,
                spec=spec.to_json(),
                gpu_class=spec.gpu_class,
                secret=_secret(),
            )
    except IntegrityError as error:
        if "desktop_name_once_a_tenant" not in str(error):
            raise
        raise NameTaken(name) from error
    timeline.append(desktop, source=Transition.Source.WILL)
    nudge.after_commit(desktop.id)
    return desktop


def start(desktop_id: UUID) -> Desktop:
    """It shall run, as a new launch; also the way to try again after a failure.

    Starting what already starts or runs changes nothing. NotAllowedNow while it is deleted.
    """
    desktop = _locked(desktop_id)
    if desktop.desired == Desired.RUNNING and desktop.status != Status.FAILED:
        return desktop
    return _want(desktop, Desired.RUNNING, generation=desktop.generation + 1, secret=_secret())


def stop(desktop_id: UUID) -> Desktop:
    """It shall rest, its disk kept; also cancels a start or a place in the queue."""
    desktop = _locked(desktop_id)
    if desktop.desired == Desired.STOPPED:
        return desktop
    return _want(desktop, Desired.STOPPED)


def delete(desktop_id: UUID) -> Desktop:
    """It shall go, and its disk with it. There is no way back."""
    desktop = Desktop.objects.select_for_update().get(id=desktop_id)
    if desktop.desired == Desired.DELETED:
        return desktop
    return _want(desktop, Desired.DELETED)


def rename(desktop_id: UUID, *, name: str) -> Desktop:
    """Another name. NameTaken."""
    desktop = _locked(desktop_id)
    if desktop.name == name:
        return desktop
    desktop.name = name
    try:
        with transaction.atomic():
            desktop.save(update_fields=["name"])
    except IntegrityError as error:
        raise NameTaken(name) from error
    return desktop


def move(desktop_id: UUID, *, spec: Spec) -> Desktop:
    """From its next start on it has the setup in the version that `spec` names.

    Its disk and all else that was sold stay as they are. NotAllowedNow while it runs or starts.
    """
    desktop = _locked(desktop_id)
    sold = Spec.from_json(desktop.spec)
    if spec.setup != sold.setup:
        raise ValueError(f"{sold.setup!r} cannot move to {spec.setup!r}: another setup")
    moved = replace(sold, **{name: getattr(spec, name) for name in OF_THE_SETUP})
    if moved == sold:
        return desktop
    if desktop.desired == Desired.RUNNING and desktop.status != Status.FAILED:
        raise NotAllowedNow("it shall run; stop it first")
    desktop.spec = moved.to_json()
    desktop.version_declined = ""
    desktop.save(update_fields=["spec", "version_declined"])
    return desktop


def decline(desktop_id: UUID, *, version: str) -> Desktop:
    """It stays with the version that it has; nobody is asked about that one again."""
    desktop = _locked(desktop_id)
    desktop.version_declined = version
    desktop.save(update_fields=["version_declined"])
    return desktop


def find(desktop_id: UUID) -> Desktop | None:
    """One desktop, erased ones excepted."""
    return Desktop.objects.filter(id=desktop_id, erased_at=None).first()


def visible_to(tenant_id: UUID) -> QuerySet[Desktop]:
    """What a tenant has, newest first."""
    return Desktop.objects.filter(tenant_id=tenant_id, erased_at=None).order_by("-created_at")


def route(desktop_id: UUID) -> Route | None:
    """How to reach it; None unless it is running."""
    return routes([desktop_id]).get(desktop_id)


def routes(desktop_ids: Collection[UUID]) -> dict[UUID, Route]:
    """How to reach those of them that are running; of those that rest, what was opened of them."""
    found = _running(desktop_ids)
    resting = set(desktop_ids) - found.keys()
    for id, room in files.endpoints(resting).items() if resting else ():
        found[id] = Route(
            desktop_id=id,
            tenant_id=room.desktop.tenant_id,
            generation=room.generation,
            endpoint="",
            app_endpoints={files.APP: room.endpoint or NOT_YET},
            secret=room.desktop.secret,
        )
    return found


def _running(desktop_ids: Collection[UUID]) -> dict[UUID, Route]:
    ready = Desktop.objects.filter(
        id__in=desktop_ids, desired=Desired.RUNNING, observed=Observed.READY
    )
    return {
        desktop.id: Route(
            desktop_id=desktop.id,
            tenant_id=desktop.tenant_id,
            generation=desktop.generation,
            endpoint=desktop.endpoint,
            app_endpoints=desktop.app_endpoints,
            secret=desktop.secret,
        )
        for desktop in ready
        if desktop.status == Status.RUNNING and desktop.endpoint
    }


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _locked(desktop_id: UUID) -> Desktop:
    desktop = Desktop.objects.select_for_update().get(id=desktop_id)
    if desktop.desired == Desired.DELETED:
        raise NotAllowedNow("this desktop is being deleted")
    return desktop


def _want(desktop: Desktop, desired: Desired, **changes: Any) -> Desktop:
    """Write the wish, make the row due, append to the timeline. The row is locked."""
    for column, value in changes.items():
        setattr(desktop, column, value)
    desktop.desired = desired
    desktop.wanted_at = timezone.now()
    desktop.save(update_fields=["desired", "wanted_at", *changes])
    # `look_after` is the hand's column; the will may only say "now".
    Desktop.objects.filter(id=desktop.id).update(look_after=Now())
    timeline.append(desktop, source=Transition.Source.WILL)
    nudge.after_commit(desktop.id)
    return desktop
