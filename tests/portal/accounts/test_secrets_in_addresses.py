"""Pages whose address holds a secret, and their forms, in a real Chromium.

A browser says with each form where it comes from, as far as the page allows. Tests that post
without a browser cannot see a form that is refused for that.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from portal.accounts import invitations
from portal.accounts.models import Membership
from tests import browsing
from tests.portal.serving import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture
def invite(server: Server, alice, team, acting):
    """Alice invites this address; the answer is the path of the invitation's page."""

    def invite(email: str) -> str:
        codes: list[str] = []
        invitations.invite(
            acting(alice, team),
            email=email,
            role="member",
            address=lambda code: codes.append(code) or f"{server.url}/invitations/{code}/",
        )
        return f"/invitations/{codes[0]}/"

    return invite


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def confirm(page: Page) -> None:
    """The digits from the mailbox beside the form."""
    page.get_by_role("button", name="Copy and fill in").click()
    page.get_by_role("button", name="Continue").click()


def test_who_is_signed_in_joins_the_team(window: BrowserContext, server, invite, charlie, team):
    path = invite("charlie@example.org")
    server.let_in(window, charlie)
    page = window.new_page()
    page.goto(path)
    page.get_by_role("button", name="Join the team").click()
    page.wait_for_url("**/team/")
    assert Membership.objects.filter(user=charlie, tenant=team).exists()


def test_a_visitor_changes_the_language_signs_in_and_joins(
    window: BrowserContext, server, invite, charlie, team
):
    path = invite("charlie@example.org")
    password = server.give_password(charlie)
    page = window.new_page()
    page.goto(path)
    for word in ("中文", "English"):  # the invitation's own page
        page.get_by_role("button", name=word).click()
        expect(page).to_have_url(f"{server.url}{path}")
    page.get_by_role("link", name="Sign in").click()
    for word in ("中文", "English"):  # the log-in, with the secret behind ?next=
        page.get_by_role("button", name=word).click()
        expect(page).to_have_url(f"{server.url}/accounts/login/?next={path}")
    sign_in(page, "charlie@example.org", password)
    page.get_by_role("button", name="Join the team").click()
    page.wait_for_url("**/team/")
    assert Membership.objects.filter(user=charlie, tenant=team).exists()


def test_a_newcomer_signs_up_for_it_and_joins(window: BrowserContext, server, invite, team):
    page = window.new_page()
    page.goto(invite("nora@example.org"))
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill("nora@example.org")
    page.get_by_label("Password", exact=True).fill("violet ladder forty")
    page.get_by_role("button", name="Create the account").click()
    confirm(page)
    page.get_by_role("button", name="Join the team").click()
    page.wait_for_url("**/team/")
    assert Membership.objects.filter(user__email="nora@example.org", tenant=team).exists()


def test_who_is_somebody_else_signs_out_and_comes_back(
    window: BrowserContext, server, invite, charlie, olga
):
    path = invite("charlie@example.org")
    server.let_in(window, olga)
    page = window.new_page()
    page.goto(path)
    page.get_by_role("button", name="Sign out and use that address").click()
    expect(page).to_have_url(f"{server.url}{path}")
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()


def test_a_lost_password_is_replaced(window: BrowserContext, server, charlie):
    page = window.new_page()
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail").fill("charlie@example.org")
    page.get_by_role("button", name="Send six digits").click()
    for word in ("中文", "English"):
        page.get_by_role("button", name=word).click()
    confirm(page)
    for field in ("New password", "Once more"):
        page.get_by_label(field).fill("violet ladder forty")
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url("**/desktops/")


def test_no_other_site_is_told_the_secret(window: BrowserContext, server, invite):
    """A link that somebody follows from there, and a picture that the page might hold."""
    told: list[Request] = []
    elsewhere = f"http://127.0.0.1:{server.port}"  # another site, though the same process
    window.on("request", lambda one: told.append(one) if one.url.startswith(elsewhere) else None)
    page = window.new_page()
    path = invite("nora@example.org")
    for address in (path, f"/accounts/login/?next={path}"):
        told.clear()
        page.goto(address)
        page.evaluate(
            "address => { const a = document.createElement('a'); a.href = address;"
            " document.body.append(a); a.click(); }",
            f"{elsewhere}/healthz",
        )
        page.wait_for_url(f"{elsewhere}/healthz")
        assert [one.all_headers().get("referer") for one in told] == [f"{server.url}/"]
