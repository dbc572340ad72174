"""Desktop sessions: browsers that were let in, and whether they still may be there.

Whether a session holds is computed from rows each time it is asked, never from events: whoever
logs out, is removed, changes the password or stops the desktop needs to tell nobody.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db.models import CharField, F, Func, Q
from django.utils import timezone

from portal.access.models import DesktopSession, Ticket
from portal.accounts.models import ApiToken, Membership, Tenant, User
from portal.accounts.permissions import Actor, may
from provisioner import desktops
from provisioner.desktops import Route
from provisioner.states import Desired

LASTS = timedelta(hours=12)
IDLE = timedelta(minutes=30)
SEEN_NOTED_EVERY = timedelta(minutes=1)  # a write for every request would tell nothing more
KEPT = timedelta(days=1)  # after it ended, for whoever looks into what happened


@dataclass(frozen=True)
class Whose:
    """A session, and who it is; whatever their desktop does."""

    session: DesktopSession
    actor: Actor


@dataclass(frozen=True)
class Entry:
    """A session that holds now, and where it leads."""

    session: DesktopSession
    route: Route

    @property
    def upstream(self) -> str:
        app = self.session.app
        return self.route.app_endpoints.get(app, "") if app else self.route.endpoint


class _KeyHash(Func):
    """SHA-256 of a portal session's key; there is an index of exactly this expression."""

    template = "encode(sha256(%(expressions)s::bytea), 'hex')"
    output_field = CharField()


def digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def create(ticket: Ticket) -> tuple[DesktopSession, str]:
    """A new session from a used ticket, and its secret, which only the browser keeps."""
    secret, now = secrets.token_urlsafe(32), timezone.now()
    session = DesktopSession.objects.create(
        hash=digest(secret),
        desktop_id=ticket.desktop_id,
        app=ticket.app,
        user=ticket.user,
        tenant=ticket.tenant,
        portal_session_hash=ticket.portal_session_hash,
        api_token=ticket.api_token,
        generation=ticket.generation,
        auth_hash=ticket.user.get_session_auth_hash(),
        created_at=now,
        last_seen_at=now,
        expires_at=now + LASTS,
    )
    return session, secret


def entries(hashes: Collection[str]) -> dict[str, Entry]:
    """Those that hold now, by hash. A handful of queries, however many are asked for."""
    now = timezone.now()
    standing = _people(hashes, now)
    routes = desktops.routes({one.session.desktop_id for one in standing})
    found = {}
    for one in standing:
        route = routes.get(one.session.desktop_id)
        if route is not None and _leads(one.session, route):
            found[one.session.hash] = Entry(one.session, route)
    _note_seen([entry.session for entry in found.values()], now)
    return found


def person(hash: str) -> Whose | None:
    """Whose session it is, as long as they may, even while the desktop rests or starts anew.

    Noted as seen: a window that waits for its desktop to come back is still there.
    """
    now = timezone.now()
    found = next(iter(_people([hash], now)), None)
    if found is not None:
        _note_seen([found.session], now)
    return found


def leads(session: DesktopSession) -> bool:
    """Whether it still opens something: its launch runs."""
    route = desktops.route(session.desktop_id)
    return route is not None and _leads(session, route)


def is_of_its_launch(session: DesktopSession) -> bool:
    """Whether what shall run now is what it was opened for, even if it is just down.

    A desktop that died is brought back within its launch, and its sessions with it, as long as
    their people may; one that was stopped and started is opened anew.
    """
    desktop = desktops.find(session.desktop_id)
    return (
        desktop is not None
        and desktop.desired == Desired.RUNNING
        and desktop.generation == session.generation
        and desktop.tenant_id == session.tenant_id
    )


def _people(hashes: Collection[str], now: datetime) -> list[Whose]:
    asked = list(
        DesktopSession.objects.select_related("user", "tenant", "api_token").filter(
            hash__in=hashes,
            revoked_at=None,
            expires_at__gt=now,
            last_seen_at__gt=now - IDLE,
        )
    )
    standing = list(_standing(asked, now))
    # What fell for good stays down, even if somebody is invited anew or logs in again.
    _revoke({one.id for one in asked} - {one.session.id for one in standing}, now)
    return standing


def _leads(session: DesktopSession, route: Route) -> bool:
    """Still the launch, the owner and the app that it was opened for."""
    known = session.app in route.app_endpoints if session.app else bool(route.endpoint)
    return (
        known and session.generation == route.generation and session.tenant_id == route.tenant_id
    )


def _standing(asked: list[DesktopSession], now: datetime) -> Iterable[Whose]:
    """Those whose person still may, whatever the desktop does."""
    members = {
        (one.user_id, one.tenant_id): one
        for one in Membership.objects.filter(
            user_id__in={one.user_id for one in asked},
            tenant_id__in={one.tenant_id for one in asked},
        )
    }
    logged_in = _logged_in({one.portal_session_hash for one in asked}, now)
    for session in asked:
        member = members.get((session.user_id, session.tenant_id))
        if member is None or member.joined_at > session.created_at:
            continue  # left, perhaps to come back later
        if session.auth_hash != session.user.get_session_auth_hash():
            continue
        if not (_token_holds(session, now) or session.portal_session_hash in logged_in):
            continue
        actor = Actor(session.user, session.tenant, member.role, "gateway", session.api_token)
        if may(actor, "desktop.open"):
            yield Whose(session, actor)


def _logged_in(hashes: set[str], now: datetime) -> set[str]:
    """Which of these portal sessions were not logged out."""
    held = Session.objects.annotate(key_hash=_KeyHash(F("session_key")))
    held = held.filter(key_hash__in=hashes - {""}, expire_date__gt=now)
    return set(held.values_list("key_hash", flat=True))


def _token_holds(session: DesktopSession, now: datetime) -> bool:
    token: ApiToken | None = session.api_token
    if token is None or token.revoked_at is not None:
        return False
    return token.expires_at is None or token.expires_at > now


def _note_seen(sessions: list[DesktopSession], now: datetime) -> None:
    old = [one.id for one in sessions if now - one.last_seen_at > SEEN_NOTED_EVERY]
    if old:
        DesktopSession.objects.filter(id__in=old).update(last_seen_at=now)


def _revoke(ids: set[UUID], now: datetime) -> None:
    if ids:
        DesktopSession.objects.filter(id__in=ids, revoked_at=None).update(revoked_at=now)


def revoke_for(
    *,
    desktop_id: UUID | None = None,
    user: User | None = None,
    tenant: Tenant | None = None,
    portal_session_key: str = "",
) -> int:
    """End every session to which all of these apply; how many there were. Asks for one at least.

    Sockets that are open close with the gateway's next look.
    """
    named = Q()
    if desktop_id is not None:
        named &= Q(desktop_id=desktop_id)
    if user is not None:
        named &= Q(user=user)
    if tenant is not None:
        named &= Q(tenant=tenant)
    if portal_session_key:
        named &= Q(portal_session_hash=digest(portal_session_key))
    if not named:
        raise ValueError("revoke_for() without a condition would end everybody's sessions")
    now = timezone.now()
    Ticket.objects.filter(named, used_at=None).update(used_at=now)
    return DesktopSession.objects.filter(named, revoked_at=None).update(revoked_at=now)


def forget_old() -> int:
    """Remove what ended long ago; how many rows that were."""
    ended = timezone.now() - KEPT
    tickets, _each = Ticket.objects.filter(expires_at__lt=ended).delete()
    sessions, _each = DesktopSession.objects.filter(
        Q(expires_at__lt=ended) | Q(revoked_at__lt=ended) | Q(last_seen_at__lt=ended - IDLE)
    ).delete()
    return tickets + sessions
