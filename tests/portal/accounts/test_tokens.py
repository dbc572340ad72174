from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.accounts import tenants, tokens
from portal.accounts.models import ApiToken, Membership, Tenant, User
from tests.portal.accounts.conftest import sign_in


def test_only_the_hash_is_kept(alice, team):
    token, secret = tokens.issue(alice, team, "backup")
    token.refresh_from_db()
    kept = " ".join(str(getattr(token, field.attname)) for field in ApiToken._meta.fields)
    assert secret.startswith("at_")
    assert secret not in kept
    assert token.hash == tokens.digest(secret)


def test_it_speaks_for_its_person_in_its_tenant(alice, team):
    _token, secret = tokens.issue(alice, team, "backup")
    actor = tokens.find(secret)
    assert (actor.user, actor.tenant, actor.role, actor.via) == (alice, team, "owner", "api")


@pytest.mark.parametrize("secret", ["", "at_", "nothing", "at_" + "x" * 43, "at_" + "x" * 100000])
def test_other_words_open_nothing(db, secret):
    assert tokens.find(secret) is None


@pytest.mark.parametrize(
    "spoil",
    [
        tokens.revoke,
        lambda token: ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda token: User.objects.update(is_active=False),
        lambda token: Tenant.objects.update(is_active=False),
        lambda token: Membership.objects.filter(user=token.user, tenant=token.tenant).delete(),
    ],
    ids=["revoked", "expired", "person closed", "team closed", "no longer a member"],
)
def test_it_stops_working_at_once(alice, team, spoil):
    token, secret = tokens.issue(alice, team, "backup")
    assert tokens.find(secret)
    spoil(token)
    assert tokens.find(secret) is None


def test_who_comes_back_to_a_team_does_not_get_the_old_keys_back(bob, team, alice, acting):
    _token, secret = tokens.issue(bob, team, "backup")
    tenants.remove(acting(alice, team), Membership.objects.get(user=bob, tenant=team).id)
    Membership.objects.create(user=bob, tenant=team, role="member")
    assert tokens.find(secret) is None


def test_its_use_is_noted_but_not_every_time(alice, team, django_assert_num_queries):
    token, secret = tokens.issue(alice, team, "backup")
    tokens.find(secret)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_num_queries(2):
        tokens.find(secret)


def test_the_page_shows_the_secret_once(alice, browser):
    sign_in(browser, "alice")
    page = browser.post("/settings/tokens/", {"name": "my laptop", "days": "90"})
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert secret not in browser.get("/settings/tokens/").content.decode()
    token = ApiToken.objects.get(user=alice)
    assert token.tenant == alice.personal_tenant
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=91)


def test_a_browser_left_open_makes_no_token_without_the_password(alice, browser):
    browser.force_login(alice)
    answer = browser.post("/settings/tokens/", {"name": "stolen", "days": ""})
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()
    browser.post(answer.url, {"password": "password of alice"})
    assert ApiToken.objects.get().name == "stolen"


def test_revoking_is_for_ones_own(alice, charlie, browser):
    token, secret = tokens.issue(alice, alice.personal_tenant, "backup")
    browser.force_login(charlie)
    browser.post(f"/settings/tokens/{token.id}/revoke/")
    assert tokens.find(secret)
    browser.force_login(alice)
    browser.post(f"/settings/tokens/{token.id}/revoke/")
    assert tokens.find(secret) is None


def test_the_command_prints_the_token_and_nothing_else(db):
    out = io.StringIO()
    call_command("create_token", "Nora@Example.org", "--create", "--name", "script", stdout=out)
    actor = tokens.find(out.getvalue().strip())
    assert out.getvalue().count("\n") == 1
    assert actor.user.email == "nora@example.org"
    assert not actor.user.has_usable_password()
    assert actor.tenant == actor.user.personal_tenant


def test_the_command_makes_nobody_unasked(db):
    with pytest.raises(CommandError, match="nobody has the address"):
        call_command("create_token", "nora@example.org")
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("create_token", "nora", "--create")
