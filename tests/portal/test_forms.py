"""Forms as browsers send them: after signing out in another tab, and with cookies blocked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.accounts.models import User
from tests import browsing
from tests.portal.desktops.conftest import Make, catalogue, every_nudge_is_lost, make
from tests.portal.serving import Server

__all__ = ["catalogue", "every_nudge_is_lost", "make"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


def test_stop_after_signing_out_elsewhere_leads_back_to_the_desktop(
    window: BrowserContext, server: Server, alice: User, make: Make
) -> None:
    desktop, password = make(alice.personal_tenant, "running"), server.give_password(alice)
    server.let_in(window, alice)
    # Else the page hears at once that nobody is signed in any more.
    window.route("**/events/**", lambda route: route.abort())
    page = window.new_page()
    page.goto(f"/desktops/{desktop.id}/")
    other = window.new_page()
    other.goto("/accounts/logout/")
    other.get_by_role("main").locator("form button").first.click()
    other.wait_for_url(f"{server.url}/")

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You were signed out; nothing was done.")
    page.get_by_label("E-mail").fill("alice@example.org")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{server.url}/desktops/{desktop.id}/")
    desktop.refresh_from_db()
    assert desktop.status == "running"

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    desktop.refresh_from_db()
    assert desktop.status == "stopping"


def test_the_language_changes_on_an_answer_to_a_form(
    window: BrowserContext, server: Server, alice: User, make: Make
) -> None:
    desktop = make(alice.personal_tenant, "running")
    server.let_in(window, alice)
    page = window.new_page()
    page.goto(f"/desktops/{desktop.id}/")
    page.get_by_text("Rename", exact=True).first.click()
    page.get_by_role("textbox", name="Name").fill("ink\u202egpj.exe")
    page.get_by_role("button", name="Rename").click()
    expect(page).to_have_url(f"{server.url}/desktops/{desktop.id}/rename/")
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(f"{server.url}/desktops/{desktop.id}/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


# --- Cookies ------------------------------------------------------------------------------------

Profile = Callable[[bool], BrowserContext]


@pytest.fixture
def profile(chromium: Browser, server: Server, tmp_path: Path) -> Iterator[Profile]:
    """`profile(True)`: one that blocks all cookies, as the browser's settings page would do."""
    opened: list[BrowserContext] = []

    def profile(blocks_cookies: bool) -> BrowserContext:
        close()
        preferences = tmp_path / "Default" / "Preferences"
        preferences.parent.mkdir(exist_ok=True)
        contents = {"cookies": 2 if blocks_cookies else 1}
        preferences.write_text(
            json.dumps({"profile": {"default_content_setting_values": contents}})
        )
        opened.append(
            chromium.browser_type.launch_persistent_context(
                tmp_path,
                executable_path=browsing.CHROMIUM,
                args=browsing.FLAGS,
                locale="en-GB",
                base_url=server.url,
            )
        )
        opened[-1].set_default_timeout(20_000)
        return opened[-1]

    def close() -> None:
        while opened:
            opened.pop().close()

    yield profile
    close()


def fill_log_in(page: Page) -> None:
    page.goto("/accounts/login/?next=/settings/")
    page.get_by_label("E-mail").fill("alice@example.org")
    page.get_by_label("Password", exact=True).fill("paint-by-evening-light")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def fill_sign_up(page: Page) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail").fill("nora@example.org")
    page.get_by_label("Password", exact=True).fill("paint-by-evening-light")
    page.get_by_role("button", name="Create the account").click()


def fill_reset(page: Page) -> None:
    page.goto("/accounts/password/reset/")
    page.get_by_label("E-mail").fill("alice@example.org")
    page.get_by_role("button", name="Send six digits").click()


def press_language(page: Page) -> None:
    page.goto("/setups/?webui=ComfyUI")
    page.get_by_role("button", name="中文").click()


def test_blocked_cookies_are_told_and_the_form_works_once_they_are_allowed(
    profile: Profile, server: Server, alice: User
) -> None:
    server.give_password(alice)
    context = profile(True)
    page = context.new_page()
    for fill in (fill_sign_up, fill_reset, press_language, fill_log_in):
        fill(page)
        expect(page.get_by_role("heading")).to_have_text("Cookies are blocked, 403")
        expect(page.get_by_role("main")).to_contain_text(
            f"Allow cookies for localhost:{server.port}"
        )
        form = page.evaluate("document.referrer")
        page.get_by_role("link", name="Load the page again").click()
        expect(page).to_have_url(form)
    page = profile(False).new_page()
    fill_log_in(page)
    expect(page).to_have_url(f"{server.url}/settings/")


def test_an_old_form_is_told_to_be_loaded_again(
    window: BrowserContext, server: Server, alice: User
) -> None:
    """Its token went stale by a log-in in another tab: that is nothing about cookies."""
    password = server.give_password(alice)
    page, other = window.new_page(), window.new_page()
    page.goto("/accounts/login/?next=/settings/")
    other.goto("/accounts/login/?next=/help/")
    for one in (other, page):
        one.get_by_label("E-mail").fill("alice@example.org")
        one.get_by_label("Password", exact=True).fill(password)
        one.get_by_role("main").get_by_role("button", name="Sign in").click()
        one.wait_for_load_state()
    expect(page.get_by_role("heading")).to_have_text("Not sent, 403")
    page.get_by_role("link", name="Load the page again").click()
    expect(page).to_have_url(f"{server.url}/settings/")
