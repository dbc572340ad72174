"""What happened to a desktop, in sentences, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.translation import gettext as _

from portal.desktops import causes
from portal.desktops.lengths import length
from provisioner.states import Desired, Observed, Status


class Entry(Protocol):
    """What this file reads of `provisioner.timeline.entries`."""

    seq: int
    at: datetime
    source: str
    desired: str
    observed: str
    generation: int
    status: str
    reason: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Event:
    at: datetime
    text: str
    note: str = ""  # at the right: a length, or what it cost
    bad: bool = False


def told(entries: Iterable[Entry], **known: object) -> list[Event]:
    """`known` are values that cause sentences may need, such as the setup's title."""
    events: list[Event] = []
    before: Entry | None = None
    for entry in entries:
        event = _event(entry, before, known)
        if event is not None and not (events and events[-1].text == event.text):
            events.append(event)
        before = entry
    return events[::-1]


def _event(entry: Entry, before: Entry | None, known: dict[str, object]) -> Event | None:
    if entry.source == "will":
        return Event(entry.at, _wish(entry, before))
    if entry.source == "hand":
        gone = entry.status == Status.DELETED
        return Event(entry.at, _("The disk was removed. Nothing is left of it.")) if gone else None
    return _seen(entry, before, known)


def _wish(entry: Entry, before: Entry | None) -> str:
    if entry.desired == Desired.DELETED:
        return _("Asked to delete it")
    if entry.desired == Desired.STOPPED:
        was = before.status if before else ""
        if was == Status.QUEUED:
            return _("Left the queue")
        if was == Status.STARTING:
            return _("Cancelled the start")
        return _("Asked to stop it")
    if entry.generation == 1:
        return _("Asked for a launch")
    failed = before is not None and before.status == Status.FAILED
    return _("Asked to try again") if failed else _("Asked to start it")


def _seen(entry: Entry, before: Entry | None, known: dict[str, object]) -> Event | None:
    if entry.observed == Observed.READY:
        start = entry.detail.get("start") or {}
        took = start.get("total_s")
        note = _("after {time}").format(time=length(took)) if took else ""
        return Event(entry.at, _("Ready"), note=note)
    if entry.observed == Observed.FAILED or entry.reason:
        if entry.reason == "gpu_none_free":
            return Event(entry.at, _("Nothing was free: queued"), note=_("no charge"))
        cause = causes.worded(entry.reason or "driver_error", entry.detail, **known)
        return Event(entry.at, cause.headline, bad=True)
    if entry.observed == Observed.PENDING:
        return Event(entry.at, _("The start began"))
    if entry.observed == Observed.STOPPING:
        return Event(entry.at, _("It is shutting down"))
    return _gone(entry, before)


def _gone(entry: Entry, before: Entry | None) -> Event | None:
    """Observed absent."""
    if entry.desired == Desired.STOPPED:
        return Event(entry.at, _("Stopped. The disk is kept"))
    if entry.desired == Desired.DELETED:
        return Event(entry.at, _("The machine is free again"))
    if before is not None and before.observed == Observed.READY:
        return Event(entry.at, _("The desktop ended by itself."), bad=True)
    return None
