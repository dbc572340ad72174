"""Codes from an app on the phone, and what opens the door when the phone is lost."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache

from portal.accounts.models import AuditEvent
from tests.portal.accounts.conftest import code_in_mail, sign_in


def code_of(secret: str, *, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture
def secret(alice, browser) -> str:
    """Alice has set it up, in `browser`."""
    sign_in(browser, "alice")
    page = browser.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer.url == "/accounts/2fa/recovery-codes/"
    cache.clear()  # the next half minute: a code is good once
    return secret


def signed_in(browser) -> bool:
    return "_auth_user_id" in browser.session


def test_it_is_asked_for_after_the_password(secret, open_browser):
    phone = open_browser()
    assert sign_in(phone, "alice").url.startswith("/accounts/2fa/authenticate/")
    assert not signed_in(phone)
    assert phone.get("/settings/").status_code == 302
    phone.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert signed_in(phone)


@pytest.mark.django_db(transaction=True)
def test_turning_it_on_is_written_down_and_said_by_mail(secret, alice):
    assert AuditEvent.objects.filter(action="auth.second_step_added", user=alice).count() == 2
    assert "The second step is on" in [letter.subject for letter in mail.outbox]


def test_a_wrong_code_stays_outside(secret, open_browser):
    phone = open_browser()
    sign_in(phone, "alice")
    answer = phone.post("/accounts/2fa/authenticate/", {"code": code_of(secret, steps=99)})
    assert "That code is not right" in answer.content.decode()
    assert not signed_in(phone)


def test_a_code_is_good_once(secret, open_browser):
    code = code_of(secret)
    first, second = open_browser(), open_browser()
    for one in (first, second):
        sign_in(one, "alice")
        one.post("/accounts/2fa/authenticate/", {"code": code})
    assert signed_in(first)
    assert not signed_in(second)


def test_a_recovery_code_opens_once(secret, browser, open_browser):
    page = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    first, second = open_browser(), open_browser()
    for one in (first, second):
        sign_in(one, "alice")
        one.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    assert signed_in(first)
    assert not signed_in(second)


def test_a_new_password_does_not_get_around_it(secret, open_browser):
    thief = open_browser()
    thief.post("/accounts/password/reset/", {"email": "alice@example.org"})
    thief.post("/accounts/password/reset/confirm/", {"code": code_in_mail()})
    new = {"password1": "another ladder forty", "password2": "another ladder forty"}
    thief.post("/accounts/password/reset/complete/", new)
    assert not signed_in(thief)


def test_the_database_alone_makes_no_codes(secret, alice):
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept


def test_turning_it_off_takes_the_person_and_not_just_a_browser(alice, secret, open_browser):
    left_open = open_browser()
    left_open.force_login(alice)
    answer = left_open.post("/accounts/2fa/totp/deactivate/")
    assert "/reauthenticate/" in answer.url
    assert Authenticator.objects.filter(type="totp").exists()


def test_it_can_be_turned_off(secret, browser):
    assert browser.get("/accounts/2fa/totp/deactivate/").status_code == 200
    browser.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()
