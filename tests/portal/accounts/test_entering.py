"""Signing up, in and out, and losing a password, as a person meets it."""

from __future__ import annotations

import pytest
from django.core import mail

from portal.accounts.models import AuditEvent, User
from tests.portal.accounts.conftest import code_in_mail, sign_in, wrong_code

NORA = {"email": "nora@example.org", "password1": "violet ladder forty"}


def sign_up(browser, **other):
    return browser.post("/accounts/signup/", NORA | other)


def signed_in(browser) -> bool:
    return "_auth_user_id" in browser.session


def test_a_newcomer_signs_up_confirms_and_is_in(browser):
    answer = sign_up(browser, email="Nora@Example.org")
    assert answer.url == "/accounts/confirm-email/"
    assert not signed_in(browser)
    page = browser.get(answer.url).content.decode()
    assert "nora@example.org" in page
    assert mail.outbox[0].to == ["nora@example.org"]
    answer = browser.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert answer.url == "/desktops/"
    assert signed_in(browser)
    nora = User.objects.get(email="nora@example.org")
    assert nora.personal_tenant.memberships.get().role == "owner"


def test_a_space_in_the_middle_of_the_code_is_fine(browser):
    sign_up(browser)
    code = code_in_mail()
    browser.post("/accounts/confirm-email/", {"code": f"{code[:3]} {code[3:]}"})
    assert signed_in(browser)


def test_guessing_the_code_ends_after_five(browser):
    sign_up(browser)
    right = code_in_mail()
    for _try in range(5):
        assert not signed_in(browser)
        answer = browser.post("/accounts/confirm-email/", {"code": wrong_code(right)})
    assert answer.url == "/accounts/login/"
    browser.post("/accounts/confirm-email/", {"code": right})
    assert not signed_in(browser)


def test_the_digits_can_be_sent_again_but_not_every_second(browser):
    from django.core.cache import cache

    sign_up(browser)
    first = code_in_mail()
    browser.post("/accounts/confirm-email/", {"action": "resend"})
    assert len(mail.outbox) == 1
    cache.clear()  # half a minute later
    browser.post("/accounts/confirm-email/", {"action": "resend"})
    assert len(mail.outbox) == 2
    assert code_in_mail() != first
    browser.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert signed_in(browser)


def test_a_mistyped_address_is_given_up_for_another(browser):
    sign_up(browser, email="nora@exmaple.org")
    answer = browser.post("/accounts/logout/", {"next": "/accounts/signup/"})
    assert answer.url == "/accounts/signup/"
    sign_up(browser)
    browser.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert browser.get("/").wsgi_request.user.email == "nora@example.org"


def test_a_taken_address_looks_like_a_free_one(alice, open_browser):
    free, taken = open_browser(), open_browser()
    answers = [sign_up(free), sign_up(taken, email="alice@example.org")]
    assert [one.status_code for one in answers] == [302, 302]
    assert answers[0].url == answers[1].url
    pages = [one.get(answers[0].url).content.decode() for one in (free, taken)]
    pages = [
        _plain(page).replace("alice@example.org", "X").replace("nora@example.org", "X")
        for page in pages
    ]
    assert pages[0] == pages[1]
    assert "account already" in mail.outbox[-1].subject
    assert User.objects.filter(email="alice@example.org").count() == 1


def _plain(page: str) -> str:
    import re

    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|"X-CSRFToken": "\w+"', "", page)


def test_an_unknown_address_looks_like_a_wrong_password(alice, browser):
    answers = [
        browser.post("/accounts/login/", {"login": who, "password": "wrong"})
        for who in ("alice@example.org", "nobody@example.org")
    ]
    words = "This address and this password do not belong together."
    for answer in answers:
        assert answer.status_code == 200
        assert words in answer.content.decode()
    assert AuditEvent.objects.filter(action="auth.log_in_failed").count() == 2
    assert "nobody@example.org" not in str(list(AuditEvent.objects.values()))


def test_asking_for_a_new_password_does_not_tell_who_has_an_account(alice, open_browser):
    answers = [
        open_browser().post("/accounts/password/reset/", {"email": who})
        for who in ("alice@example.org", "nobody@example.org")
    ]
    assert answers[0].status_code == answers[1].status_code == 302
    assert answers[0].url == answers[1].url


def test_signing_in_is_slowed_down_after_wrong_passwords(alice, browser):
    for _try in range(5):
        sign_in(browser, "alice", password="wrong")
    answer = sign_in(browser, "alice")
    assert "Too many tries" in answer.content.decode()
    assert not signed_in(browser)


def test_a_new_password_by_six_digits_ends_every_other_session(alice, open_browser):
    elsewhere, here = open_browser(), open_browser()
    sign_in(elsewhere, "alice")
    assert elsewhere.get("/settings/").status_code == 200
    here.post("/accounts/password/reset/", {"email": "alice@example.org"})
    here.post("/accounts/password/reset/confirm/", {"code": code_in_mail()})
    new = {"password1": "another ladder forty", "password2": "another ladder forty"}
    answer = here.post("/accounts/password/reset/complete/", new)
    assert answer.status_code == 302
    assert signed_in(here)
    assert elsewhere.get("/settings/").status_code == 302
    assert AuditEvent.objects.filter(action="auth.password_reset", user=alice).exists()


def test_changing_the_password_ends_every_other_session_but_this(alice, open_browser):
    elsewhere, here = open_browser(), open_browser()
    sign_in(elsewhere, "alice")
    sign_in(here, "alice")
    form = {
        "oldpassword": "password of alice",
        "password1": "another ladder forty",
        "password2": "another ladder forty",
    }
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert here.get("/settings/").status_code == 200
    assert elsewhere.get("/settings/").status_code == 302


def test_the_other_browsers_can_be_signed_out(alice, open_browser):
    elsewhere, here = open_browser(), open_browser()
    sign_in(elsewhere, "alice")
    sign_in(here, "alice")
    assert "Sign out all the others" in here.get("/accounts/sessions/").content.decode()
    here.post("/accounts/sessions/")
    assert here.get("/settings/").status_code == 200
    assert elsewhere.get("/settings/").status_code == 302


def test_a_new_address_counts_once_it_is_confirmed(alice, browser):
    sign_in(browser, "alice")
    form = {"email": "alice@new.example", "action_add": "1"}
    browser.post("/accounts/email/", form)
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    letter = next(one for one in mail.outbox if one.to == ["alice@new.example"])
    browser.post("/accounts/confirm-email/", {"code": code_in_mail(mail.outbox.index(letter))})
    alice.refresh_from_db()
    assert alice.email == "alice@new.example"


def test_signing_out_takes_a_button(alice, browser):
    sign_in(browser, "alice")
    assert browser.get("/accounts/logout/").status_code == 200
    assert signed_in(browser)
    browser.post("/accounts/logout/")
    assert not signed_in(browser)


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(alice, browser, away):
    assert sign_in(browser, "alice", to=away).url == "/desktops/"


def test_a_closed_account_stays_out(alice, browser):
    User.objects.update(is_active=False)
    sign_in(browser, "alice")
    assert not signed_in(browser)


def test_the_language_comes_along_to_the_next_browser(alice, open_browser, settings):
    first = open_browser()
    sign_in(first, "alice")
    first.post("/settings/", {"name": "Alice", "language": "zh-hans"})
    second = open_browser()
    assert second.get("/accounts/login/").wsgi_request.LANGUAGE_CODE == "en"
    sign_in(second, "alice")
    answer = second.get("/settings/")
    assert answer.wsgi_request.LANGUAGE_CODE == "zh-hans"
    assert second.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"


def test_the_choice_made_in_this_browser_wins_and_is_remembered(alice, browser, settings):
    User.objects.update(language="zh-hans")
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    sign_in(browser, "alice")
    assert browser.get("/settings/").wsgi_request.LANGUAGE_CODE == "en"
    alice.refresh_from_db()
    assert alice.language == "en"


def test_cookies_are_for_this_host_alone(alice, browser):
    sign_in(browser, "alice")
    browser.get("/settings/")
    for name, cookie in browser.cookies.items():
        if "theme" in name or name == "messages":
            continue
        assert name.startswith("__Host-"), name
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert not cookie["domain"], name
