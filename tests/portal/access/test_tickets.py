"""A ticket opens one desktop once, soon, for whom it was made."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.utils import timezone

from portal.access import hosts, sessions, tickets
from portal.access.hosts import Desk
from portal.access.models import DesktopSession, Ticket
from portal.accounts import tokens
from portal.accounts.models import AuditEvent, Membership, User
from portal.accounts.permissions import Actor, Forbidden
from provisioner import desktops
from provisioner.desktops import Desktop
from tests.portal.access.conftest import Running

Acting = Callable[..., Actor]


@pytest.fixture
def desktop(alice: User, running: Running) -> Desktop:
    return running(alice.personal_tenant)


@pytest.fixture
def key(alice: User, logged_in: Callable[[User], object]) -> str:
    """Alice's log-in."""
    return logged_in(alice).session.session_key


@pytest.fixture
def ticket(alice: User, acting: Acting, desktop: Desktop, key: str) -> str:
    return tickets.issue(acting(alice), desktop.id, portal_session_key=key).ticket


def redeem(ticket: str, desktop: Desktop, app: str = "") -> str | None:
    return tickets.redeem(sessions.digest(ticket), Desk(desktop.id, app))


def test_it_opens_the_desktop_once(ticket: str, desktop: Desktop) -> None:
    secret = redeem(ticket, desktop)
    assert secret
    assert sessions.entries([sessions.digest(secret)])
    assert redeem(ticket, desktop) is None
    assert DesktopSession.objects.count() == 1


def test_its_address_is_the_desktops_own(
    alice: User, acting: Acting, desktop: Desktop, key: str
) -> None:
    issued = tickets.issue(acting(alice), desktop.id, portal_session_key=key)
    label = hosts.encode(desktop.id)
    assert issued.address == f"http://d-{label}.localhost:8001/__gw/enter"
    assert issued.ticket not in issued.address
    app = tickets.issue(acting(alice), desktop.id, app="webui", portal_session_key=key)
    assert app.address == f"http://d-{label}--webui.localhost:8001/__gw/enter"
    assert timedelta(seconds=25) < app.expires_at - timezone.now() <= timedelta(seconds=30)


def test_secrets_are_kept_only_as_hashes(ticket: str, desktop: Desktop) -> None:
    secret = redeem(ticket, desktop)
    with connection.cursor() as cursor:
        for table in ("access_ticket", "access_desktopsession", "accounts_auditevent"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            kept = cursor.fetchone()[0]
            assert kept and ticket not in kept and str(secret) not in kept


def test_opening_is_written_into_the_audit(ticket: str, desktop: Desktop) -> None:
    event = AuditEvent.objects.get(action="desktop.open")
    assert event.object_id == str(desktop.id)


def test_it_is_too_late_after_half_a_minute(ticket: str, desktop: Desktop) -> None:
    Ticket.objects.update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert redeem(ticket, desktop) is None


def test_it_opens_nothing_else(
    ticket: str, desktop: Desktop, alice: User, running: Running
) -> None:
    other = running(alice.personal_tenant, name="Snow")
    assert redeem(ticket, other) is None
    assert redeem(ticket, desktop, app="webui") is None
    assert redeem(ticket[:-1] + ("A" if ticket[-1] != "A" else "B"), desktop) is None
    assert redeem(ticket, desktop), "wrong doors do not use it up"


def test_it_dies_with_the_log_in(ticket: str, desktop: Desktop, key: str) -> None:
    Session.objects.filter(session_key=key).delete()
    assert redeem(ticket, desktop) is None


def test_it_dies_when_the_desktop_is_started_anew(ticket: str, desktop: Desktop) -> None:
    desktops.stop(desktop.id)
    desktops.start(desktop.id)
    assert redeem(ticket, desktop) is None


def test_every_refusal_is_logged(
    ticket: str, desktop: Desktop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    redeem(ticket, desktop)
    redeem(ticket, desktop)
    tickets.redeem(sessions.digest("no such"), Desk(desktop.id))
    said = caplog.text
    assert "why=used before" in said and "why=unknown" in said
    assert ticket not in said


def test_strangers_find_no_desktop(charlie: User, acting: Acting, desktop: Desktop) -> None:
    for id in (desktop.id, uuid4()):
        with pytest.raises(tickets.NotFound):
            tickets.issue(acting(charlie), id, portal_session_key="x")
    assert not Ticket.objects.exists()


def test_who_only_pays_may_not_open(
    alice: User, bob: User, team: object, acting: Acting, running: Running
) -> None:
    desktop = running(team)
    assert tickets.issue(acting(bob, team), desktop.id, portal_session_key="x")
    Membership.objects.filter(user=bob, tenant=team).update(role="billing")
    with pytest.raises(Forbidden):
        tickets.issue(acting(bob, team), desktop.id, portal_session_key="x")


def test_only_a_running_desktop_is_opened(alice: User, acting: Acting, desktop: Desktop) -> None:
    desktops.stop(desktop.id)
    with pytest.raises(tickets.Refused) as refused:
        tickets.issue(acting(alice), desktop.id, portal_session_key="x")
    assert refused.value.code == "not_running"


@pytest.mark.parametrize("app", ["comfy", "../webui", "web ui", "WEBUI", "webui@10.0.0.1", "-"])
def test_only_an_app_of_the_desktop_is_opened(
    alice: User, acting: Acting, desktop: Desktop, app: str
) -> None:
    with pytest.raises(tickets.Refused):
        tickets.issue(acting(alice), desktop.id, app=app, portal_session_key="x")


def test_a_token_opens_as_well(alice: User, acting: Acting, desktop: Desktop) -> None:
    token, _secret = tokens.issue(alice, alice.personal_tenant, "script")
    actor = replace(acting(alice), api_token=token, via="api")
    issued = tickets.issue(actor, desktop.id)
    tokens.revoke(token)
    assert redeem(issued.ticket, desktop) is None
    with pytest.raises(ValueError):
        tickets.issue(acting(alice), desktop.id)


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_at_once_exactly_one_gets_in(
    alice: User, acting: Acting, running: Running, logged_in: Callable[[User], object]
) -> None:
    desktop = running(alice.personal_tenant)
    key = logged_in(alice).session.session_key
    ticket = tickets.issue(acting(alice), desktop.id, portal_session_key=key).ticket
    line_up, got = threading.Barrier(20), []

    def five_tries() -> None:
        line_up.wait(20)
        got.extend(redeem(ticket, desktop) for _try in range(5))
        connections.close_all()

    threads = [threading.Thread(target=five_tries) for _each in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 100
    assert len([secret for secret in got if secret]) == 1
    assert DesktopSession.objects.count() == 1
