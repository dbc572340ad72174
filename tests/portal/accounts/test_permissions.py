"""One table decides. This one says the same in another hand, so that a slip shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.accounts import permissions, tokens
from portal.accounts.models import Membership, Role, Tenant
from portal.accounts.permissions import ACTIONS, Actor, Forbidden, may, require

#                    owner admin billing member
EXPECTED = {
    "desktop.see": "yyyy",
    "desktop.launch": "yy-y",
    "desktop.start": "yy-y",
    "desktop.stop": "yy-y",
    "desktop.rename": "yy-y",
    "desktop.move": "yy-y",
    "desktop.delete": "yy--",
    "desktop.open": "yy-y",
    "member.see": "yyyy",
    "member.invite": "yy--",
    "member.change": "yy--",
    "member.remove": "yy--",
    "member.leave": "yyyy",
    "tenant.rename": "yy--",
    "token.manage": "yyyy",
    "audit.see": "yy--",
    "wallet.see": "yyy-",
}
ROLES = ["owner", "admin", "billing", "member"]


def test_every_action_and_every_role_is_decided_on_purpose(alice, team):
    assert set(EXPECTED) == set(ACTIONS)
    assert set(ROLES) == set(Role.values)
    for action, row in EXPECTED.items():
        for role, wanted in zip(ROLES, row, strict=True):
            actor = Actor(user=alice, tenant=team, role=role)
            assert may(actor, action) is (wanted == "y"), (action, role)


def test_every_action_named_in_the_program_stands_in_the_table():
    root = Path(permissions.__file__).parent.parent
    asked = re.compile(r"""\b(?:may|require)\(.*?["']([a-z]+\.[a-z_]+)["']""", re.DOTALL)
    named = {
        match[1]: path for path in root.rglob("*.py") for match in asked.finditer(path.read_text())
    }
    assert {"desktop.see", "member.invite", "token.manage"} <= set(named)
    assert set(named) <= set(ACTIONS), {name: named[name] for name in set(named) - set(ACTIONS)}


def test_an_unknown_action_is_a_mistake_and_not_a_no(alice, team):
    with pytest.raises(LookupError, match="is not in"):
        may(Actor(user=alice, tenant=team, role="owner"), "desktop.destroy")


def test_nobody_may_anything():
    assert not any(may(None, action) for action in ACTIONS)
    with pytest.raises(Forbidden):
        require(None, "desktop.see")


def test_a_closed_account_and_a_closed_team_may_nothing(alice, team):
    alice.is_active = False
    assert not may(Actor(user=alice, tenant=team, role="owner"), "desktop.see")
    alice.is_active = True
    closed = Tenant(name="Closed", is_active=False)
    assert not may(Actor(user=alice, tenant=closed, role="owner"), "desktop.see")


def test_a_role_that_was_never_heard_of_may_nothing(alice, team):
    assert not any(may(Actor(user=alice, tenant=team, role="king"), one) for one in ACTIONS)


def test_a_refusal_names_the_team_and_the_role(bob, team, acting):
    with pytest.raises(Forbidden, match="Alice's team is “Member”") as refusal:
        require(acting(bob, team), "member.invite")
    assert refusal.value.action == "member.invite"


def test_a_token_works_but_does_not_rule(alice, team):
    _token, secret = tokens.issue(alice, team, "a program")
    actor = tokens.find(secret)
    assert may(actor, "desktop.launch")
    for action in ("member.invite", "member.change", "token.manage", "tenant.rename"):
        assert not may(actor, action)
    with pytest.raises(Forbidden, match="API token"):
        require(actor, "token.manage")


def test_the_role_is_the_one_of_the_membership_and_not_of_the_person(bob, team, acting):
    assert not may(acting(bob, team), "member.invite")
    assert may(acting(bob), "member.invite")
    Membership.objects.filter(user=bob, tenant=team).update(role=Role.ADMIN)
    assert may(acting(bob, team), "member.invite")
