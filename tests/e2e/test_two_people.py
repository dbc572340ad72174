"""Two people, two browsers, one team: from the invitation's mail to a desktop that both open.

And one person in two tabs, who signs out in the one and presses Stop in the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import browsing
from tests.browsing import chromiums, launch, open_desktop, person, sign_up
from tests.e2e.test_walk import BLUE, GREEN, ground, reads
from tests.running import Platform

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]

TEAM = "Evening painters 👩‍🎨"
PASSWORD = "paint-by-evening-light"


@pytest.fixture(scope="module")
def browsers() -> Iterator[list[Browser]]:
    with chromiums(2) as browsers:
        yield browsers


@pytest.fixture
def alice(browsers: list[Browser], platform: Platform) -> Iterator[BrowserContext]:
    context = person(browsers[0])
    yield context
    context.close()


@pytest.fixture
def bob(browsers: list[Browser], platform: Platform) -> Iterator[BrowserContext]:
    context = person(browsers[1])
    yield context
    context.close()


def make_team(page: Page, url: str, *, invite: str) -> None:
    page.goto(f"{url}/team/new/")
    page.get_by_label("Name").fill(TEAM)
    page.get_by_role("button", name="Make the team").click()
    page.get_by_role("heading", name=TEAM).wait_for()
    page.goto(f"{url}/team/invite/")
    page.get_by_label("E-mail addresses").fill(invite)
    page.get_by_role("button", name="Send the invitations").click()
    page.get_by_role("paragraph").filter(has_text=invite).wait_for()


def follow_invitation(page: Page, url: str, email: str) -> None:
    """From the mail through the account that is still to be made, into the team."""
    page.goto(f"{url}/mailbox/")
    page.get_by_role("link").filter(has_text=email).first.click()
    page.locator("article a[href*=invitation]").click()
    page.get_by_role("heading", name=f"Join {TEAM}").wait_for()
    page.get_by_role("link", name="Create an account").first.click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("button", name="Copy and fill in").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Join the team").click()
    page.get_by_text(f"You are in {TEAM} now.").wait_for()


def test_two_people_from_the_invitation_to_one_desktop(
    alice: BrowserContext, bob: BrowserContext, platform: Platform
) -> None:
    hers, his = alice.new_page(), bob.new_page()
    sign_up(hers, platform.url, "alice@example.org")
    make_team(hers, platform.url, invite="bob@example.org")
    id = launch(hers, platform.url, plan="files")
    her_desk = open_desktop(hers)

    follow_invitation(his, platform.url, "bob@example.org")
    his.goto(f"{platform.url}/desktops/{id}/")
    his_desk = open_desktop(his)
    browsing.type_command(his_desk, ground(BLUE))
    reads(his_desk, BLUE)

    panel = her_desk.get_by_role("alertdialog")
    expect(panel).to_be_visible(timeout=15_000)
    panel.get_by_role("button", name="Use it here").click()
    reads(her_desk, BLUE)  # one desktop, and he was at it
    expect(his_desk.get_by_role("alertdialog")).to_contain_text("alice", timeout=15_000)
    browsing.type_command(her_desk, ground(GREEN))
    reads(her_desk, GREEN)


def test_stop_after_a_sign_out_in_another_tab_leads_back_to_the_desktop(
    alice: BrowserContext, platform: Platform
) -> None:
    page = alice.new_page()
    sign_up(page, platform.url, "dora@example.org")
    launch(page, platform.url, plan="files")
    address = page.url
    other = alice.new_page()
    other.goto(f"{platform.url}/accounts/logout/")
    other.locator("main form button").first.click()
    other.get_by_role("link", name="Sign in").first.wait_for()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_label("E-mail").fill("dora@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(address)
    # Nothing was stopped for somebody who was not signed in; now it is one press away.
    browsing.until_running(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
