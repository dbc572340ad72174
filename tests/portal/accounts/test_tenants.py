from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from portal.accounts import tenants
from portal.accounts.models import AuditEvent, Membership, Tenant, User
from portal.accounts.permissions import Forbidden
from portal.accounts.tenants import Refused


def place_of(user, team) -> int:
    return Membership.objects.get(user=user, tenant=team).id


def test_everybody_has_one_space_alone(alice):
    again = tenants.ensure_personal(alice)
    assert again == alice.personal_tenant
    assert [one.user for one in tenants.members_of(again)] == [alice]


def test_who_founds_a_team_owns_it(charlie, acting):
    team = tenants.create_team(acting(charlie), name="  Sea   and sky ")
    assert team.name == "Sea and sky"
    assert Membership.objects.get(tenant=team).role == "owner"
    assert AuditEvent.objects.get(action="tenant.create").tenant == team


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_team_has_a_decent_name(alice, team, acting, name):
    with pytest.raises(Refused):
        tenants.rename(acting(alice, team), name=name)


def test_the_last_owner_stays(alice, bob, team, acting):
    owner = acting(alice, team)
    with pytest.raises(Refused, match="needs an owner"):
        tenants.leave(owner)
    with pytest.raises(Refused, match="needs an owner"):
        tenants.change_role(owner, place_of(alice, team), role="member")
    tenants.change_role(owner, place_of(bob, team), role="owner")
    tenants.leave(owner)
    assert [one.user for one in tenants.members_of(team)] == [bob]


def test_nobody_leaves_the_own_space(alice, acting):
    with pytest.raises(Refused, match="your own space"):
        tenants.leave(acting(alice))


def test_an_admin_rules_everybody_but_owners(alice, bob, charlie, team, acting):
    Membership.objects.filter(user=bob, tenant=team).update(role="admin")
    Membership.objects.create(user=charlie, tenant=team, role="member")
    admin = acting(bob, team)
    with pytest.raises(Forbidden):
        tenants.remove(admin, place_of(alice, team))
    with pytest.raises(Forbidden):
        tenants.change_role(admin, place_of(alice, team), role="member")
    with pytest.raises(Forbidden):
        tenants.change_role(admin, place_of(bob, team), role="owner")
    tenants.change_role(admin, place_of(charlie, team), role="billing")
    tenants.remove(admin, place_of(charlie, team))


def test_a_member_changes_nobody(alice, bob, team, acting):
    for verb in (
        lambda actor: tenants.remove(actor, place_of(alice, team)),
        lambda actor: tenants.change_role(actor, place_of(bob, team), role="owner"),
        lambda actor: tenants.rename(actor, name="Bob's team"),
    ):
        with pytest.raises(Forbidden):
            verb(acting(bob, team))


def test_another_teams_people_are_out_of_reach(alice, charlie, team, acting):
    other = tenants.create_team(acting(charlie), name="Others")
    with pytest.raises(Refused, match="no longer in the team"):
        tenants.remove(acting(alice, team), place_of(charlie, other))
    assert Membership.objects.filter(user=charlie, tenant=other).exists()


# --- Through the pages ---------------------------------------------------------------------------
def actor_on(browser):
    return browser.get("/team/").wsgi_request.actor


def test_one_begins_in_the_own_space_and_switches(bob, team, browser):
    browser.force_login(bob)
    assert actor_on(browser).tenant == bob.personal_tenant
    browser.post("/team/switch/", {"tenant": str(team.id)})
    assert (actor_on(browser).tenant, actor_on(browser).role) == (team, "member")


def test_a_look_switches_nothing(bob, team, browser):
    browser.force_login(bob)
    assert browser.get("/team/switch/", {"tenant": str(team.id)}).status_code == 405
    assert actor_on(browser).tenant == bob.personal_tenant


@pytest.mark.parametrize("name", ["theirs", "nobody's", "no id"])
def test_one_cannot_switch_into_a_team_of_others(charlie, team, browser, name):
    id = {"theirs": team.id, "nobody's": "5" * 32, "no id": "'; drop table"}[name]
    browser.force_login(charlie)
    browser.post("/team/switch/", {"tenant": str(id)})
    assert actor_on(browser).tenant == charlie.personal_tenant


def test_the_switch_leads_back_but_not_elsewhere(bob, team, browser):
    browser.force_login(bob)
    form = {"tenant": str(team.id)}
    assert browser.post("/team/switch/", form | {"next": "/settings/"}).url == "/settings/"
    for away in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert browser.post("/team/switch/", form | {"next": away}).url == "/team/"


def test_who_is_removed_falls_back_into_the_own_space(alice, bob, team, browser, acting):
    browser.force_login(bob)
    browser.post("/team/switch/", {"tenant": str(team.id)})
    tenants.remove(acting(alice, team), place_of(bob, team))
    assert actor_on(browser).tenant == bob.personal_tenant


def test_a_visitor_is_nobody(browser):
    assert browser.get("/").wsgi_request.actor is None
    for page in ("/team/", "/team/new/", "/team/invite/", "/settings/", "/settings/tokens/"):
        assert browser.get(page).url == f"/accounts/login/?next={page}"


def test_a_refusal_is_said_where_the_button_was(alice, team, browser):
    browser.force_login(alice)
    browser.post("/team/switch/", {"tenant": str(team.id)})
    answer = browser.post("/team/leave/")
    assert answer.status_code == 422
    assert "needs an owner" in answer.content.decode()
    assert Membership.objects.filter(user=alice, tenant=team).exists()


def test_a_member_is_refused_by_the_page_as_well(bob, team, browser):
    browser.force_login(bob)
    browser.post("/team/switch/", {"tenant": str(team.id)})
    assert browser.get("/team/invite/").status_code == 403
    assert browser.post("/team/rename/", {"name": "Bob's"}).status_code == 403
    assert Tenant.objects.get(id=team.id).name == "Alice's team"
    page = browser.get("/team/").content.decode()
    assert "Invite people" not in page
    assert "Remove from the team" not in page


def test_one_address_is_one_person_in_any_case(alice):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="ALICE@example.org")
