"""A desktop session holds for as long as everything that it was given for does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.access import sessions, tasks, tickets
from portal.access.hosts import Desk
from portal.access.models import DesktopSession, Ticket
from portal.accounts import tenants, tokens
from portal.accounts.models import ApiToken, Membership, Role, Tenant, User
from portal.accounts.permissions import Actor
from portal.clock import EVERY_S
from provisioner import desktops
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests.portal.access.conftest import Running, see

Acting = Callable[..., Actor]
LogIn = Callable[[User], Client]


@dataclass
class Inside:
    """Bob at a desktop of the team: by the page, or by a token."""

    bob: User
    alice: User
    team: Tenant
    desktop: Desktop
    client: Client
    hash: str
    actors: Acting
    token: ApiToken | None = None

    @property
    def holds(self) -> bool:
        return self.hash in sessions.entries([self.hash])

    @property
    def row(self) -> DesktopSession:
        return DesktopSession.objects.get(hash=self.hash)

    def age(self, **back: timedelta) -> None:
        for column, by in back.items():
            DesktopSession.objects.filter(hash=self.hash).update(
                **{column: getattr(self.row, column) - by}
            )


def let_in(actor: Actor, desktop: Desktop, **how: str) -> str:
    ticket = tickets.issue(actor, desktop.id, **how).ticket
    app = how.get("app", "")
    secret = tickets.redeem(sessions.digest(ticket), Desk(desktop.id, app))
    assert secret
    return sessions.digest(secret)


@pytest.fixture
def inside(
    alice: User, bob: User, team: Tenant, running: Running, acting: Acting, logged_in: LogIn
) -> Inside:
    desktop, client = running(team), logged_in(bob)
    key = client.session.session_key
    hash = let_in(acting(bob, team), desktop, portal_session_key=key)
    inside = Inside(bob, alice, team, desktop, client, hash, acting)
    assert inside.holds
    return inside


@pytest.fixture
def by_token(inside: Inside) -> Inside:
    token, _secret = tokens.issue(inside.bob, inside.team, "script")
    actor = replace(inside.actors(inside.bob, inside.team), api_token=token, via="api")
    return replace(inside, hash=let_in(actor, inside.desktop), token=token)


def log_out(inside: Inside) -> None:
    inside.client.logout()


def portal_session_ends(inside: Inside) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def removed(inside: Inside) -> None:
    member = Membership.objects.get(user=inside.bob, tenant=inside.team)
    tenants.remove(inside.actors(inside.alice, inside.team), member.id)


def removed_and_back(inside: Inside) -> None:
    removed(inside)
    Membership.objects.create(user=inside.bob, tenant=inside.team, role=Role.MEMBER)


def may_not_open(inside: Inside) -> None:
    member = Membership.objects.get(user=inside.bob, tenant=inside.team)
    tenants.change_role(inside.actors(inside.alice, inside.team), member.id, role="billing")


def user_inactive(inside: Inside) -> None:
    User.objects.filter(pk=inside.bob.pk).update(is_active=False)


def team_inactive(inside: Inside) -> None:
    Tenant.objects.filter(pk=inside.team.pk).update(is_active=False)


def password_changed(inside: Inside) -> None:
    user = User.objects.get(pk=inside.bob.pk)
    user.set_password("another one altogether")
    user.save()


def twelve_hours(inside: Inside) -> None:
    inside.age(expires_at=timedelta(hours=12))


def half_an_hour_of_silence(inside: Inside) -> None:
    inside.age(last_seen_at=timedelta(minutes=30, seconds=1))


def revoked(inside: Inside) -> None:
    assert sessions.revoke_for(desktop_id=inside.desktop.id, user=inside.bob)


def logged_out_by_key(inside: Inside) -> None:
    assert sessions.revoke_for(portal_session_key=inside.client.session.session_key)


def tenant_revoked(inside: Inside) -> None:
    assert sessions.revoke_for(tenant=inside.team)


def stopped(inside: Inside) -> None:
    desktops.stop(inside.desktop.id)


def started_anew(inside: Inside) -> None:
    desktops.stop(inside.desktop.id)
    see(inside.desktop, Observed.ABSENT)
    started = desktops.start(inside.desktop.id)
    see(started, Observed.READY)


def deleted(inside: Inside) -> None:
    desktops.delete(inside.desktop.id)


def died(inside: Inside) -> None:
    see(inside.desktop, Observed.FAILED)


PERSON = [removed, removed_and_back, may_not_open, user_inactive, team_inactive, password_changed]
TIME = [twelve_hours, half_an_hour_of_silence]
HAND = [revoked, tenant_revoked]
DESKTOP = [stopped, started_anew, deleted, died]
LOG_IN = [log_out, portal_session_ends, logged_out_by_key]


@pytest.mark.parametrize("ends", [*PERSON, *TIME, *HAND, *DESKTOP, *LOG_IN])
def test_it_ends(inside: Inside, ends: Callable[[Inside], None]) -> None:
    ends(inside)
    assert not inside.holds


@pytest.mark.parametrize("ends", [*PERSON, *TIME, *HAND, *DESKTOP])
def test_a_tokens_ends_as_well(by_token: Inside, ends: Callable[[Inside], None]) -> None:
    assert by_token.holds
    ends(by_token)
    assert not by_token.holds


def test_a_tokens_ends_with_the_token(by_token: Inside) -> None:
    log_out(by_token)
    assert by_token.holds, "no log-in carries it"
    assert by_token.token
    ApiToken.objects.filter(id=by_token.token.id).update(expires_at=timezone.now())
    assert not by_token.holds


def test_a_tokens_ends_with_its_revocation(by_token: Inside) -> None:
    assert by_token.token
    tokens.revoke(by_token.token)
    assert not by_token.holds


def test_what_fell_stays_down(inside: Inside) -> None:
    """Asked once in between, or not: nobody gets back in by what comes later."""
    may_not_open(inside)
    assert not inside.holds
    Membership.objects.filter(user=inside.bob).update(role="member")
    assert not inside.holds
    assert inside.row.revoked_at


def test_a_desktop_that_blinks_does_not_end_it(inside: Inside) -> None:
    died(inside)
    assert not inside.holds
    see(inside.desktop, Observed.READY)
    assert inside.holds


def test_other_things_do_not_end_it(inside: Inside, charlie: User, logged_in: LogIn) -> None:
    desktops.rename(inside.desktop.id, name="Sun")
    other = logged_in(inside.bob)
    other.logout()
    logged_in(charlie).logout()
    User.objects.filter(pk=inside.bob.pk).update(name="Bobby")
    assert inside.holds


def test_being_there_is_noted_once_a_minute(inside: Inside) -> None:
    inside.age(last_seen_at=timedelta(minutes=29))
    before = inside.row.last_seen_at
    assert inside.holds
    assert inside.row.last_seen_at > before + timedelta(minutes=28)
    noted = inside.row.last_seen_at
    assert inside.holds
    assert inside.row.last_seen_at == noted


def test_a_session_leads_to_its_own_app(inside: Inside) -> None:
    key = inside.client.session.session_key
    actor = inside.actors(inside.bob, inside.team)
    app = let_in(actor, inside.desktop, app="webui", portal_session_key=key)
    found = sessions.entries([app, inside.hash])
    assert found[app].upstream == "unix:/nowhere.webui"
    assert found[inside.hash].upstream == "unix:/nowhere"


def test_many_cost_no_more_questions_than_one(inside: Inside) -> None:
    key = inside.client.session.session_key
    actor = inside.actors(inside.bob, inside.team)
    hashes = [let_in(actor, inside.desktop, portal_session_key=key) for _each in range(20)]
    with CaptureQueriesContext(connection) as one:
        assert len(sessions.entries(hashes[:1])) == 1
    with CaptureQueriesContext(connection) as all:
        assert len(sessions.entries(hashes)) == 20
    assert len(all) == len(one) <= 4


def test_revoking_everything_by_mistake_is_not_possible(inside: Inside) -> None:
    with pytest.raises(ValueError):
        sessions.revoke_for()
    assert inside.holds


def test_what_ended_long_ago_is_forgotten(inside: Inside) -> None:
    assert sessions.forget_old() == 0
    Ticket.objects.update(expires_at=timezone.now() - timedelta(days=2))
    inside.age(expires_at=timedelta(days=3))
    assert tasks.forget_old.name in EVERY_S, "the clock calls it"
    tasks.forget_old()
    assert not DesktopSession.objects.exists() and not Ticket.objects.exists()
