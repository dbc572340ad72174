"""The operators' pages are for staff with a second step; for others they are not there."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin

from portal.accounts import tokens
from portal.accounts.models import AuditEvent, User

PAGES = [
    "/staff/",
    "/staff/login/",
    "/staff/logout/",
    "/staff/nothing/",
    "/staff/jsi18n/",
    "/staff/accounts/user/",
    "/staff/accounts/auditevent/",
]


@pytest.fixture
def armed(olga) -> User:
    Authenticator.objects.create(user=olga, type="totp", data={"secret": "x"})
    return olga


@pytest.mark.parametrize("page", PAGES)
def test_for_visitors_and_customers_it_is_not_there(alice, browser, page):
    assert browser.get(page).status_code == 404
    browser.force_login(alice)
    assert browser.get(page).status_code == 404
    assert browser.post(page).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_a_second_step_are_sent_to_set_it_up(olga, browser, page):
    browser.force_login(olga)
    assert browser.get(page).url == "/accounts/2fa/totp/activate/"


def test_a_superuser_who_is_no_staff_stays_out(armed, browser):
    User.objects.update(is_staff=False)
    browser.force_login(armed)
    assert browser.get("/staff/").status_code == 404


def test_staff_with_a_second_step_see_every_list(armed, alice, browser):
    browser.force_login(armed)
    token, _secret = tokens.issue(alice, alice.personal_tenant, "backup")
    assert browser.get("/staff/").status_code == 200
    lists = [model._meta for model in admin.site._registry]
    assert {"user", "tenant", "apitoken", "invitation", "auditevent"} <= {
        meta.model_name for meta in lists if meta.app_label == "accounts"
    }
    for meta in lists:
        page = browser.get(f"/staff/{meta.app_label}/{meta.model_name}/")
        assert page.status_code == 200, meta
    page = browser.get(f"/staff/accounts/apitoken/{token.id}/change/").content.decode()
    assert token.prefix in page
    assert token.hash not in page


def test_secrets_of_libraries_are_not_on_show(db):
    shown = {model._meta.app_label for model in admin.site._registry}
    assert shown <= {"accounts", "catalog"}
    assert "mfa.authenticator" not in {model._meta.label_lower for model in admin.site._registry}


def test_only_staff_pages_may_evaluate(armed, browser):
    browser.force_login(armed)
    assert "'unsafe-eval'" in browser.get("/staff/")["Content-Security-Policy"]
    assert "unsafe" not in browser.get("/settings/")["Content-Security-Policy"]


def test_what_staff_look_at_is_written_down(armed, alice, browser):
    browser.force_login(armed)
    browser.get(f"/staff/accounts/user/{alice.id}/change/")
    event = AuditEvent.objects.filter(action="staff.saw", user=armed).first()
    assert event.detail["path"] == f"/staff/accounts/user/{alice.id}/change/"


def test_the_audit_is_only_looked_at(armed, browser):
    browser.force_login(armed)
    event = AuditEvent.objects.create(action="auth.logged_in", user=armed)
    base = f"/staff/accounts/auditevent/{event.id}"
    assert browser.get(f"{base}/change/").status_code == 200
    assert browser.post(f"{base}/change/", {"action": "x"}).status_code == 403
    assert browser.post(f"{base}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get("/staff/accounts/auditevent/add/").status_code == 403


def test_a_superuser_closes_an_account_and_it_is_written_down(armed, alice, browser):
    browser.force_login(armed)
    form = {"is_staff": "", "email": "mallory@example.org"}
    form |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = browser.post(f"/staff/accounts/user/{alice.id}/change/", form)
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert not alice.is_active
    assert alice.email == "alice@example.org"
    assert AuditEvent.objects.filter(action="staff.changed", user=armed).exists()


def test_staff_who_are_no_superusers_change_nothing(armed, alice, browser):
    User.objects.filter(id=armed.id).update(is_superuser=False)
    browser.force_login(armed)
    path = f"/staff/accounts/user/{alice.id}/change/"
    assert browser.get(path).status_code == 200
    assert browser.post(path, {"is_staff": "on"}).status_code == 403


def test_the_portal_does_not_link_there_for_customers(alice, browser):
    browser.force_login(alice)
    assert "/staff/" not in browser.get("/settings/").content.decode()
