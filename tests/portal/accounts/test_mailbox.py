"""Mail without a mail server: for whoever sits at the machine, and for nobody else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.mail import send_mail

from portal.accounts import mailbox
from portal.accounts.models import SentMail

BODY = """With these six digits:

418206

or here: http://localhost:8000/invitations/abc/ and so on
"""


@pytest.fixture
def letter(db, settings):
    settings.MAILBOX = True
    settings.EMAIL_BACKEND = "portal.accounts.mailbox.MailboxBackend"
    send_mail("Your code <b>", BODY, "atelier@localhost", ["Nora@example.org"])
    return SentMail.objects.get()


def test_it_shows_the_code_and_the_links(letter, browser):
    page = browser.get("/mailbox/").content.decode()
    assert "418 206" in page
    assert 'href="http://localhost:8000/invitations/abc/"' in page
    assert "Your code &lt;b&gt;" in page
    assert browser.get(f"/mailbox/{letter.id}/").status_code == 200
    assert browser.get(f"/mailbox/{letter.id + 1}/").status_code == 404


def test_an_empty_one_says_so(browser, settings):
    settings.MAILBOX = True
    assert "No mail yet." in browser.get("/mailbox/").content.decode()


@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "192.168.1.20"},
        {"REMOTE_ADDR": "::ffff:10.0.0.1"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
    ],
    ids=str,
)
def test_from_elsewhere_it_does_not_exist(letter, rf, extra):
    near = rf.get("/mailbox/", headers={"host": "localhost:8000"})
    far = rf.get("/mailbox/", headers={"host": "localhost:8000"}, **extra)
    assert mailbox.is_open_to(near)
    assert not mailbox.is_open_to(far)


@pytest.mark.parametrize("host", ["atelier.example", "localhost.evil.example", "192.168.1.5:8000"])
def test_under_another_name_it_does_not_exist(letter, rf, settings, host):
    settings.ALLOWED_HOSTS = ["*"]
    assert not mailbox.is_open_to(rf.get("/mailbox/", headers={"host": host}))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"]
)
def test_it_opens_under_every_name_of_the_machine(letter, rf, settings, host):
    settings.ALLOWED_HOSTS = ["*"]
    assert mailbox.is_open_to(rf.get("/mailbox/", headers={"host": host}))


def test_with_a_mail_server_it_does_not_exist(letter, browser, settings):
    settings.MAILBOX = False
    assert browser.get("/mailbox/").status_code == 404
    assert browser.get(f"/mailbox/{letter.id}/").status_code == 404


def test_it_lies_beside_the_form_that_waits_for_the_code(settings, browser):
    settings.MAILBOX = True
    settings.EMAIL_BACKEND = "portal.accounts.mailbox.MailboxBackend"
    form = {"email": "nora@example.org", "password1": "violet ladder forty"}
    page = browser.post("/accounts/signup/", form, follow=True).content.decode()
    code = mailbox.show(SentMail.objects.get()).code
    assert f'data-fill="{code}"' in page
    settings.MAILBOX = False
    assert code not in browser.get("/accounts/confirm-email/").content.decode()


def test_only_the_newest_are_kept(letter, monkeypatch):
    monkeypatch.setattr(mailbox, "KEPT", 3)
    for number in range(5):
        send_mail(f"Letter {number}", "…", "atelier@localhost", ["nora@example.org"])
    assert [one.subject for one in SentMail.objects.all()] == ["Letter 4", "Letter 3", "Letter 2"]


def test_production_does_not_start_without_a_mail_server(tmp_path):
    given = {
        "ATELIER_MODE": "production",
        "ATELIER_SECRET_KEY": "x" * 60,
        "ATELIER_GATEWAY_KEY": "x" * 60,
        "ATELIER_PORTAL_ORIGIN": "https://atelier.example",
        "ATELIER_DESK_ORIGIN": "https://d-{id}.desks.example",
        "DATABASE_URL": "postgresql://x@localhost/x",
        "BROKER_URL": "redis://localhost",
        "ATELIER_DATA": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-c", "from portal.settings import *; print(MAILBOX, EMAIL_HOST)"]

    def start(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=given | more, capture_output=True, text=True, check=False, timeout=60
        )

    refused = start()
    assert refused.returncode == 2
    assert "ATELIER_SMTP_URL" in refused.stderr
    accepted = start(ATELIER_SMTP_URL="smtp://mail.example:587")
    assert accepted.stdout.split() == ["False", "mail.example"]
