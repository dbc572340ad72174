"""What people may do with desktops: permission, then intent, in one transaction.

Pages and the API call the same verbs. A stranger's desktop does not exist (`NotFound`); what the
catalogue or the present state does not allow is `Refused`, worded for people.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from portal.accounts import audit
from portal.accounts.permissions import Actor, require
from portal.desktops import names, selling
from portal.desktops.refusals import NotFound, Refused
from provisioner import desktops
from provisioner.desktops import Desktop, NameTaken, Spec
from provisioner.errors import NotAllowedNow
from provisioner.states import Desired

__all__ = [
    "NotFound",
    "Refused",
    "delete",
    "find",
    "launch",
    "move",
    "rename",
    "start",
    "stay",
    "stop",
]

# How often an invented name may collide with one that was taken at the same moment.
NAME_TRIES = 5


def launch(
    actor: Actor | None,
    *,
    plan: str,
    setup: str,
    version: str = "",
    name: str = "",
    once: str = "",
) -> Desktop:
    """A new desktop; an empty name is replaced by a pleasant one, an empty version by the newest.

    `once` is any text of the caller's choice: the same text again answers the same desktop, so
    that a form sent twice launches one.
    """
    require(actor, "desktop.launch")
    assert actor is not None
    sold = selling.sold(plan=plan, setup=setup, version=version)
    given = names.checked(name) if name.strip() else ""
    for attempt in range(NAME_TRIES):
        known = _launched_before(actor, once)
        if isinstance(known, Desktop):
            return known
        try:
            return _launch(actor, name=given or _invented(actor), spec=sold, id=known)
        except NameTaken as error:
            again = _launched_before(actor, once)
            if isinstance(again, Desktop):
                return again
            if given or attempt == NAME_TRIES - 1:
                raise _name_taken(str(error)) from error
    raise AssertionError("unreachable: the last try returns or raises")


def start(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """Run again; also the way to try again after a failure. Twice is once."""
    return _state(actor, "desktop.start", desktops.start, desktop_id)


def stop(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """Rest; also cancels a start or a place in the queue. The disk is kept. Twice is once."""
    return _state(actor, "desktop.stop", desktops.stop, desktop_id)


def delete(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """Gone for good, disk and all. Twice is once."""
    return _state(actor, "desktop.delete", desktops.delete, desktop_id)


@transaction.atomic
def rename(actor: Actor | None, desktop_id: UUID, *, name: str) -> Desktop:
    require(actor, "desktop.rename")
    assert actor is not None
    before = find(actor, desktop_id)
    wanted = names.checked(name)
    if wanted == before.name:
        return before
    try:
        desktop = desktops.rename(before.id, name=wanted)
    except NameTaken as error:
        raise _name_taken(wanted) from error
    except NotAllowedNow as error:
        raise _not_now(before) from error
    audit.record(actor, "desktop.rename", str(before.id), old=before.name, name=wanted)
    return desktop


@transaction.atomic
def move(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """To the newest version of its setup, from the next start on. Twice is once."""
    require(actor, "desktop.move")
    assert actor is not None
    before = find(actor, desktop_id)
    sold = Spec.from_json(before.spec)
    try:
        desktop = desktops.move(before.id, spec=selling.renewed(sold))
    except NotAllowedNow as error:
        raise _not_now(before, _("Stop the desktop first: it moves while it rests.")) from error
    now = Spec.from_json(desktop.spec)
    if now != sold:
        versions = {"old": sold.setup_version, "version": now.setup_version}
        audit.record(actor, "desktop.move", str(desktop.id), setup=now.setup, **versions)
    return desktop


@transaction.atomic
def stay(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """With the version that it has; nobody is asked about the newest one again. Twice is once."""
    require(actor, "desktop.move")
    assert actor is not None
    before = find(actor, desktop_id)
    version = selling.current(Spec.from_json(before.spec)).version
    if version == before.version_declined:
        return before
    try:
        desktop = desktops.decline(before.id, version=version)
    except NotAllowedNow as error:
        raise _not_now(before) from error
    audit.record(actor, "desktop.stay", str(desktop.id), version=version)
    return desktop


def find(actor: Actor | None, desktop_id: UUID) -> Desktop:
    """The actor's desktop of that id. NotFound covers strangers' and erased ones alike."""
    require(actor, "desktop.see")
    assert actor is not None
    desktop = desktops.visible_to(actor.tenant.id).filter(id=desktop_id).first()
    if desktop is None:
        raise NotFound(str(desktop_id))
    return desktop


@transaction.atomic
def _launch(actor: Actor, *, name: str, spec: Spec, id: UUID | None) -> Desktop:
    # Asked again inside the transaction: this is where the funds will be placed, too.
    require(actor, "desktop.launch")
    desktop = desktops.launch(tenant_id=actor.tenant.id, name=name, spec=spec, id=id)
    audit.record(
        actor, "desktop.launch", str(desktop.id), name=name, plan=spec.plan, setup=spec.setup
    )
    return desktop


@transaction.atomic
def _state(
    actor: Actor | None, action: str, verb: Callable[[UUID], Desktop], desktop_id: UUID
) -> Desktop:
    require(actor, action)
    assert actor is not None
    before = find(actor, desktop_id)
    try:
        desktop = verb(before.id)
    except NotAllowedNow as error:
        raise _not_now(before) from error
    if (desktop.desired, desktop.generation) != (before.desired, before.generation):
        audit.record(actor, action, str(desktop.id), name=desktop.name)
    return desktop


def _invented(actor: Actor) -> str:
    return names.invent(set(desktops.visible_to(actor.tenant.id).values_list("name", flat=True)))


def _launched_before(actor: Actor, once: str) -> Desktop | UUID | None:
    """The desktop that `once` launched already, or else the id that it shall get.

    The id is derived with the site's key, so nobody can choose the address of a desktop. One that
    was deleted since makes room for the next.
    """
    if not once:
        return None
    for again in range(1000):
        text = f"{actor.tenant.id}|{actor.user.pk}|{again}|{once}"
        digest = hmac.digest(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256)
        id = UUID(bytes=digest[:16], version=4)
        known = Desktop.objects.filter(id=id).first()
        if known is None:
            return id
        if known.desired != Desired.DELETED:
            return known
    return None


def _name_taken(name: str) -> Refused:
    message = _("You already have a desktop called “{name}”.").format(name=name)
    return Refused("name_taken", message, field="name", name=name)


def _not_now(desktop: Desktop, running: str = "") -> Refused:
    message = running
    if not running or desktop.desired == Desired.DELETED:
        message = _("{name} is being deleted; this cannot be stopped.")
    return Refused("not_now", message.format(name=desktop.name), status=str(desktop.status))
