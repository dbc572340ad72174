"""Tickets: the right to open one desktop once, within half a minute.

A ticket is made by the portal for a person who may, carried by the browser in the body of a form,
and handed in by the gateway. Only its hash is kept.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import hosts, sessions
from portal.access.hosts import Desk
from portal.access.models import Ticket
from portal.accounts import audit
from portal.accounts.permissions import Actor, require
from provisioner import desktops, files

LASTS = timedelta(seconds=30)
ENTER = "/__gw/enter"

log = logging.getLogger(__name__)


class Refused(Exception):
    """Not now. `message` says why, in words for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(Exception):
    """No such desktop in the actor's tenant."""


@dataclass(frozen=True, slots=True)
class Issued:
    address: str  # where the ticket is handed in, as the form field `ticket`, by POST
    ticket: str
    expires_at: datetime


@transaction.atomic
def issue(
    actor: Actor, desktop_id: UUID, *, app: str = "", portal_session_key: str = ""
) -> Issued:
    """A ticket to the desktop, or to one of its apps. NotFound, Forbidden, Refused."""
    if actor.api_token is None and not portal_session_key:
        raise ValueError("a ticket ends with a log-in or a token; neither is given")
    if not desktops.visible_to(actor.tenant.id).filter(id=desktop_id).exists():
        raise NotFound(str(desktop_id))
    require(actor, "desktop.open")
    route = desktops.route(desktop_id)
    if app == files.APP and (route is None or not route.endpoint):
        files.ask(desktop_id)  # of a desktop that rests
        route = desktops.route(desktop_id)
    if route is None or not (app or route.endpoint):
        raise Refused("not_running", _("The desktop is not running. Start it first."))
    if app and not (hosts.is_app(app) and app in route.app_endpoints):
        raise Refused("unknown_app", _("This desktop has no app of that name."))
    secret, now = secrets.token_urlsafe(32), timezone.now()
    Ticket.objects.create(
        hash=sessions.digest(secret),
        desktop_id=desktop_id,
        user=actor.user,
        tenant=actor.tenant,
        portal_session_hash=sessions.digest(portal_session_key) if portal_session_key else "",
        api_token=actor.api_token,
        generation=route.generation,
        app=app,
        created_at=now,
        expires_at=now + LASTS,
    )
    audit.record(actor, "desktop.open", desktop_id, app=app)
    address = hosts.origin(settings.ATELIER.desk_origin, Desk(desktop_id, app)) + ENTER
    return Issued(address=address, ticket=secret, expires_at=now + LASTS)


def redeem(ticket_hash: str, desk: Desk) -> str | None:
    """The secret of a new desktop session; None where the ticket opens nothing (any more)."""
    ticket = _use(ticket_hash, desk)
    if ticket is None:
        _tell_refused(ticket_hash, desk)
        return None
    session, secret = sessions.create(ticket)
    if session.hash not in sessions.entries([session.hash]):
        # Logged out, removed or stopped since the ticket was made.
        log.warning("desktop_ticket_overtaken desktop=%s user=%s", desk.id, ticket.user_id)
        return None
    return secret


def _use(ticket_hash: str, desk: Desk) -> Ticket | None:
    """One statement decides between any number of redeemers: one of them gets the row."""
    now = timezone.now()
    used = Ticket.objects.raw(
        "UPDATE access_ticket SET used_at = %s"
        " WHERE hash = %s AND desktop_id = %s AND app = %s"
        " AND used_at IS NULL AND expires_at > %s RETURNING *",
        [now, ticket_hash, desk.id, desk.app, now],
    )
    return next(iter(used), None)


def _tell_refused(ticket_hash: str, desk: Desk) -> None:
    known = Ticket.objects.filter(hash=ticket_hash).first()
    if known is None:
        why = "unknown"
    elif (known.desktop_id, known.app) != (desk.id, desk.app):
        why = "of another desktop"
    else:
        why = "used before" if known.used_at else "too late"
    log.warning(
        "desktop_ticket_refused desktop=%s user=%s why=%s",
        desk.id,
        known.user_id if known else "-",
        why,
    )
