"""The files of a desktop that rests: asked for here, opened by a worker, found here again.

While a desktop runs its files are one of its apps, and nothing of this is needed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from provisioner import nudge, orders
from provisioner.drivers.base import FILES, Driver
from provisioner.errors import DriverError
from provisioner.models import Desktop, FilesRoom
from provisioner.states import Observed, Status

APP = FILES.name
# A room ends by itself after a while; whoever comes later has it opened anew.
ASKED_AGAIN = timedelta(seconds=20)


def ask(desktop_id: UUID) -> None:
    """Have them opened, once the caller's transaction is committed. Twice is once."""
    desktop = Desktop.objects.filter(id=desktop_id, erased_at=None).first()
    if desktop is None or desktop.status != Status.STOPPED:
        return
    now = timezone.now()
    lately = FilesRoom.objects.filter(
        desktop_id=desktop_id, generation=desktop.generation, asked_at__gt=now - ASKED_AGAIN
    )
    if lately.exists():
        return
    FilesRoom.objects.update_or_create(
        desktop_id=desktop_id,
        defaults={"generation": desktop.generation, "asked_at": now, "cause": ""},
    )
    nudge.files_after_commit(desktop_id)


def open_(driver: Driver, desktop_id: UUID) -> None:
    """What the worker does about it."""
    desktop = Desktop.objects.filter(id=desktop_id, erased_at=None).first()
    if desktop is None or desktop.status != Status.STOPPED:
        return
    endpoint, cause = "", ""
    try:
        endpoint = driver.open_files(orders.spec_of(desktop))
    except DriverError as error:
        cause = error.cause
    FilesRoom.objects.filter(desktop_id=desktop_id, generation=desktop.generation).update(
        endpoint=endpoint, cause=cause
    )


def endpoints(desktop_ids: Collection[UUID]) -> dict[UUID, FilesRoom]:
    """Of those that rest now and were asked for in this rest."""
    rooms = FilesRoom.objects.select_related("desktop").filter(
        desktop_id__in=desktop_ids, desktop__observed=Observed.ABSENT
    )
    return {
        room.desktop_id: room
        for room in rooms
        if room.generation == room.desktop.generation and room.desktop.status == Status.STOPPED
    }
