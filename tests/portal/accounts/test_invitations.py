from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.accounts import invitations
from portal.accounts.models import AuditEvent, Invitation, Membership
from portal.accounts.permissions import Forbidden
from portal.accounts.tenants import Refused
from tests.portal.accounts.conftest import sign_in


@pytest.fixture
def invite(alice, team, acting, django_capture_on_commit_callbacks):
    """Alice invites; the answer is the address that the mail carries."""

    def invite(email: str, role: str = "member") -> str:
        with django_capture_on_commit_callbacks(execute=True):
            invitations.invite(
                acting(alice, team),
                email=email,
                role=role,
                address=lambda code: f"http://localhost:8000/invitations/{code}/",
            )
        found = re.search(r"http://localhost:8000(/invitations/\S+/)", mail.outbox[-1].body)
        return found[1]

    return invite


def code_of(path: str) -> str:
    return path.split("/")[2]


def test_the_whole_way_from_the_page_to_the_team(
    alice, charlie, team, browser, open_browser, django_capture_on_commit_callbacks
):
    browser.force_login(alice)
    browser.post("/team/switch/", {"tenant": str(team.id)})
    with django_capture_on_commit_callbacks(execute=True):
        form = {"emails": "Charlie@Example.org, dora@example.org", "role": "billing"}
        assert browser.post("/team/invite/", form).status_code == 302
    to_charlie = next(letter for letter in mail.outbox if letter.to == ["charlie@example.org"])
    path = re.search(r"http://localhost:8000(/invitations/\S+/)", to_charlie.body)[1]
    theirs = open_browser()
    theirs.force_login(charlie)
    page = theirs.get(path)
    assert "Join the team" in page.content.decode()
    assert page["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert not Membership.objects.filter(user=charlie, tenant=team).exists()
    theirs.post(path)
    assert Membership.objects.get(user=charlie, tenant=team).role == "billing"
    assert theirs.get("/team/").wsgi_request.actor.tenant == team
    assert AuditEvent.objects.filter(action="member.join", user=charlie).exists()


def test_the_code_itself_is_not_kept(invite):
    code = code_of(invite("charlie@example.org"))
    kept = Invitation.objects.values().get()
    assert code not in str(kept)


def test_it_works_once(invite, charlie):
    code = code_of(invite("charlie@example.org"))
    invitations.accept(charlie, code)
    with pytest.raises(Refused, match="no longer open"):
        invitations.accept(charlie, code)


def test_it_is_only_for_the_invited_address(invite, charlie, team, browser):
    path = invite("dora@example.org")
    browser.force_login(charlie)
    assert "Join the team" not in browser.get(path).content.decode()
    answer = browser.post(path)
    assert answer.status_code == 422
    assert "This invitation is for dora@example.org" in answer.content.decode()
    assert not Membership.objects.filter(user=charlie, tenant=team).exists()


def test_an_address_that_is_not_confirmed_does_not_count(invite, charlie):
    path = invite("charlie@example.org")
    charlie.emailaddress_set.update(verified=False)
    with pytest.raises(Refused, match="is for charlie"):
        invitations.accept(charlie, code_of(path))


def test_it_ends_after_seven_days(invite, charlie):
    code = code_of(invite("charlie@example.org"))
    invitation = Invitation.objects.get()
    assert timedelta(days=6) < invitation.expires_at - timezone.now() <= timedelta(days=7)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Refused):
        invitations.accept(charlie, code)


def test_it_can_be_withdrawn(invite, alice, charlie, team, acting):
    code = code_of(invite("charlie@example.org"))
    invitations.withdraw(acting(alice, team), str(Invitation.objects.get().id))
    with pytest.raises(Refused):
        invitations.accept(charlie, code)
    with pytest.raises(Refused):
        invitations.withdraw(acting(alice, team), str(Invitation.objects.get().id))


def test_a_second_one_replaces_the_first(invite, charlie):
    first = code_of(invite("charlie@example.org"))
    second = code_of(invite("CHARLIE@example.org", role="admin"))
    with pytest.raises(Refused):
        invitations.accept(charlie, first)
    invitations.accept(charlie, second)


def test_a_visitor_is_asked_to_sign_in_and_comes_back(invite, charlie, browser, team):
    path = invite("charlie@example.org")
    assert "Create an account" in browser.get(path).content.decode()
    assert browser.post(path).url == f"/accounts/login/?next={path}"
    answer = sign_in(browser, "charlie", to=path)
    assert answer.url == path
    assert not Membership.objects.filter(user=charlie, tenant=team).exists()


def test_a_code_that_nobody_made_shows_nothing(browser):
    answer = browser.get("/invitations/" + "x" * 43 + "/")
    assert answer.status_code == 404
    assert "not open" in answer.content.decode()


def test_what_cannot_be_invited_is_said(alice, bob, team, acting):
    def refused(actor, **wish) -> str:
        with pytest.raises(Refused) as refusal:
            invitations.invite(actor, address=str, **wish)
        return refusal.value.code

    owner = acting(alice, team)
    assert refused(owner, email="bob@example.org", role="member") == "member"
    assert refused(owner, email="mei@studio", role="member") == "bad_email"
    assert refused(owner, email="dora@example.org", role="king") == "unknown_role"
    assert refused(acting(alice), email="dora@example.org", role="member") == "personal"
    assert not mail.outbox


def test_an_admin_makes_no_owners(bob, team, acting):
    Membership.objects.filter(user=bob, tenant=team).update(role="admin")
    with pytest.raises(Forbidden):
        invitations.invite(acting(bob, team), email="dora@example.org", role="owner", address=str)


def test_one_bad_address_sends_nothing_and_keeps_what_was_typed(alice, team, browser):
    browser.force_login(alice)
    browser.post("/team/switch/", {"tenant": str(team.id)})
    form = {"emails": "dora@example.org mei@studio", "role": "member"}
    answer = browser.post("/team/invite/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "“mei@studio” is not a complete e-mail address." in page
    assert "dora@example.org mei@studio" in page
    assert not Invitation.objects.exists()


def test_who_leaves_takes_the_open_invitations_along(invite, alice, bob, charlie, team, acting):
    from portal.accounts import tenants

    code = code_of(invite("charlie@example.org"))
    Membership.objects.filter(user=bob, tenant=team).update(role="owner")
    tenants.leave(acting(alice, team))
    with pytest.raises(Refused):
        invitations.accept(charlie, code)
