"""The frame of every page, in a real browser: theme, menus, language, keyboard, no complaints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browsing
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, platform: Platform, said: list[str]) -> Iterator[Page]:
    """A visitor by day. What the page complains about fails the test."""
    context = browsing.person(browser, color_scheme="light", base_url=platform.url)
    page = context.new_page()
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_the_theme_is_the_systems_until_one_is_chosen_and_then_kept(page: Page) -> None:
    page.goto("/")
    paper = ground(page)
    page.emulate_media(color_scheme="dark")
    ink = ground(page)
    assert ink != paper
    page.get_by_role("button", name="Light or dark").click()
    assert ground(page) == paper
    page.goto("/help/")
    assert ground(page) == paper
    page.get_by_role("button", name="Light or dark").click()
    page.emulate_media(color_scheme="light")
    page.reload()
    assert ground(page) == ink


def test_the_language_can_be_changed_where_one_is(page: Page) -> None:
    page.goto("/setups/")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("配方")
    assert page.url.endswith("/setups/")
    page.goto("/help/")
    expect(page.get_by_role("heading", level=1)).to_have_text("帮助")


def test_the_first_tab_leads_to_the_content(page: Page) -> None:
    page.goto("/help/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_the_phones_menu_opens_and_closes_by_keyboard(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/")
    menu = page.locator("header details:visible")
    menu.locator("summary").press("Enter")
    expect(menu.get_by_role("link", name="Setups")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu.locator("summary")).to_be_focused()
    expect(menu.get_by_role("link", name="Setups")).to_be_hidden()


def test_the_free_places_are_counted_again_while_one_looks(page: Page, platform: Platform) -> None:
    page.clock.install()
    page.goto("/")
    expect(page.get_by_role("row", name="AIGC A4000")).to_contain_text("of 4")
    page.wait_for_function("() => window.htmx !== undefined")
    page.evaluate("document.querySelector('#plan-table').dataset.old = 'yes'")
    with page.expect_response(f"{platform.url}/stock/"):
        page.clock.fast_forward(21_000)
    eventually(lambda: page.locator("#plan-table[data-old]").count() == 0, seconds=10)
    expect(page.get_by_role("row", name="AIGC A4000")).to_contain_text("of 4")


def test_no_page_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    for address in ("/", "/setups/", "/setups/blank/", "/help/", "/accounts/signup/", "/mailbox/"):
        page.goto(address)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{address} is {too_wide} px too wide"


def test_without_scripts_the_pages_still_say_everything(
    browser: Browser, platform: Platform
) -> None:
    context = browsing.person(browser, java_script_enabled=False, base_url=platform.url)
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_role("row", name="AIGC A4000")).to_contain_text("¥1.98")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("租一块显卡")
    context.close()
