"""The bar over a real desktop: one bar, and what it promises of the streamer is so."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import browsing
from tests.browsing import (
    TERMINAL,
    chromium,
    inside,
    launch,
    open_desktop,
    person,
    picture_of,
    share_of,
    sign_up,
)
from tests.e2e.test_walk import BLUE, GREEN, ground, reads
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def erin(browser: Browser, platform: Platform) -> Iterator[BrowserContext]:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "erin@example.org")
    page.close()
    yield context
    context.close()


def bring(desk: Page) -> None:
    """The bar, wherever it has gone."""
    handle = desk.locator("#handle")
    if handle.is_visible():
        handle.click()


def test_one_bar_over_the_streamer_and_all_of_it_works(
    erin: BrowserContext, platform: Platform
) -> None:
    page = erin.new_page()
    launch(page, platform.url, plan="files")
    complaints: list[str] = []
    with erin.expect_page() as opened:
        page.get_by_role("button", name="Open the desktop").click()
    desk = opened.value
    desk.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    browsing.until_painted(desk)
    browsing.until_listening(desk)
    frame = inside(desk)
    assert frame.locator(".sidebar").count() == 0, "the streamer's own bar is not there"

    # The keys go to the bar and come back; no key stays pressed behind.
    for key in ("Control", "Alt", "Shift"):
        desk.keyboard.down(key)
    eventually(
        lambda: desk.evaluate("Boolean(document.activeElement.closest('#bar'))"), what="bar"
    )
    for key in ("Shift", "Alt", "Control"):
        desk.keyboard.up(key)
    desk.keyboard.press("Escape")
    desk.keyboard.type(f"echo made >made.txt; {ground(GREEN)}", delay=25)
    desk.keyboard.press("Enter")
    reads(desk, GREEN)

    # Files: what was made is there, what is put there arrives.
    bring(desk)
    desk.get_by_role("button", name="Files").click()
    panel = desk.get_by_role("dialog", name="Files")
    expect(panel.get_by_role("button", name="Outputs")).to_be_visible()
    with desk.expect_download() as download:
        panel.get_by_role("link", name="made.txt").click()
    assert download.value.path().read_text() == "made\n"
    chosen = {"name": "in.txt", "mimeType": "text/plain", "buffer": b"from outside"}
    panel.locator("input[type=file]").set_input_files([chosen])  # type: ignore[list-item]
    expect(desk.get_by_role("status").filter(has_text="in.txt is in Files")).to_be_visible()
    expect(panel.get_by_role("link", name="in.txt")).to_be_visible()
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")
    browsing.type_command(desk, f"grep -q outside in.txt && {ground(BLUE)}")
    reads(desk, BLUE)

    # Clipboard: in through the panel, and out into it.
    bring(desk)
    desk.get_by_role("button", name="Clipboard").click()
    desk.get_by_label("Text on the desktop's clipboard").fill("echo carried >carried.txt")
    desk.get_by_role("button", name="Send to the desktop").click()
    desk.keyboard.press("Escape")
    desk.keyboard.press("Escape")

    # Looked at on the disk: asking for it over HTTP before it is there would be a complaint.
    id = page.url.rstrip("/").rsplit("/", 1)[-1]
    carried = platform.data / "desktops" / id / "home" / "carried.txt"

    def pasted() -> bool:
        desk.mouse.click(TERMINAL[0] + 200, TERMINAL[1] + 150)
        desk.keyboard.press("Control+Shift+V")
        desk.keyboard.press("Enter")
        return carried.exists()

    eventually(pasted, seconds=20, what="the clipboard")

    # Quality: the streamer hears of it.
    bring(desk)
    desk.get_by_role("button", name="Picture quality").click()
    desk.get_by_role("radio", name="Sharp").check()
    kept = "Object.entries(localStorage).filter(([key]) => /[^r]_jpeg_quality$/.test(key))"
    eventually(lambda: [one[1] for one in frame.evaluate(kept)] == ["85"], what="quality")
    desk.keyboard.press("Escape")

    bring(desk)
    desk.get_by_role("button", name="Stop", exact=True).click()
    desk.get_by_role("dialog").get_by_role("button", name="Stop").click()
    veil = desk.get_by_role("alertdialog")
    # "Is stopping" stands there as long as it takes, which may be next to nothing.
    expect(veil).to_contain_text("is stopped", timeout=20_000)
    expect(desk.locator("#bar")).to_be_hidden()
    veil.get_by_role("link").click()
    desk.get_by_role("button", name="Start", exact=True).wait_for()
    assert not complaints
    page.close()
    desk.close()


def test_the_picture_comes_back_by_itself(erin: BrowserContext, platform: Platform) -> None:
    page = erin.new_page()
    launch(page, platform.url, plan="files")
    desk = open_desktop(page)
    gateway = platform.kill("gateway")
    eventually(lambda: platform.pids().get("gateway", gateway) != gateway, what="another gateway")

    def carries() -> bool:
        browsing.type_command(desk, ground(GREEN))
        desk.wait_for_timeout(500)
        return browsing.share_of(desk, GREEN, TERMINAL) > 0.8

    eventually(carries, seconds=40, what="the desktop again")
    expect(desk.get_by_role("alertdialog")).to_be_hidden()
    page.close()
    desk.close()


# --- Another window, and a death ----------------------------------------------------------------

PANEL = (251, 250, 246)  # of the desktop's own panel, along its lower edge


def log_in(browser: Browser, platform: Platform, email: str) -> BrowserContext:
    """The same person at a phone, which is turned to the desktop's page by an address."""
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="zh-CN"
    )
    phone.set_default_timeout(20_000)
    page = phone.new_page()
    page.goto(f"{platform.url}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill("paint-by-evening-light")
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url("**/desktops/**")
    return phone


def fits(desk: Page) -> bool:
    """The desktop has the size of its window: its panel ends where that ends, on both sides."""
    box = desk.locator("#stream").bounding_box()
    assert box
    bottom, right = int(box["y"] + box["height"]), int(box["x"] + box["width"])
    corners = [(0, bottom - 40, 60, bottom), (right - 60, bottom - 40, right, bottom)]
    above = (right - 60, bottom - 100, right, bottom - 60)
    picture = desk.locator("#stream").is_visible() and not desk.get_by_role("alertdialog").count()
    return (
        picture
        and all(share_of(desk, PANEL, one, near=8) > 0.3 for one in corners)
        and len(picture_of(desk, above).getcolors(10_000) or ()) > 1
    )


def test_the_phone_and_then_the_computer(
    browser: Browser, erin: BrowserContext, platform: Platform
) -> None:
    page = erin.new_page()
    id = launch(page, platform.url, plan="files")
    phone = log_in(browser, platform, "erin@example.org")
    start = phone.pages[0]
    start.goto(f"{platform.url}/desktops/{id}/")
    with phone.expect_page() as opened:
        start.locator("form[action$='/open/'] button").first.tap()
    small = opened.value
    eventually(lambda: fits(small), seconds=30, what="the picture at the phone")

    large = open_desktop(page)
    eventually(lambda: fits(large), seconds=30, what="the picture at the computer")
    taken = small.get_by_role("alertdialog")
    expect(taken).to_contain_text("is open in another window", timeout=20_000)
    expect(small.locator("#stream")).to_have_count(0)
    browsing.type_command(large, ground(GREEN))
    reads(large, GREEN)

    # And back: it takes it by its button alone, at its own size.
    taken.get_by_role("button", name="Use it here").tap()
    eventually(lambda: fits(small), seconds=30, what="the phone's picture again")
    covered = large.get_by_role("alertdialog")
    expect(covered).to_contain_text("is open in another window", timeout=20_000)
    large.wait_for_timeout(3000)  # longer than the streamer's page would have waited
    expect(covered).to_be_visible()
    assert fits(small)
    covered.get_by_role("button", name="Use it here").click()
    eventually(lambda: fits(large), seconds=30, what="the computer's picture again")
    reads(large, GREEN)
    phone.close()
    page.close()
    large.close()


def test_a_desktop_that_died_comes_back_in_its_tab(
    erin: BrowserContext, platform: Platform
) -> None:
    page = erin.new_page()
    id = launch(page, platform.url, plan="files")
    desk = open_desktop(page)
    browsing.type_command(desk, f"echo kept >kept.txt; {ground(GREEN)}")
    reads(desk, GREEN)
    state = platform.data / "desktops" / id / "state.json"
    os.kill(int(json.loads(state.read_text())["pid"]), signal.SIGKILL)
    # "Is starting again" stands there for as long as it takes, which may be next to nothing.
    back = desk.get_by_role("alert").filter(has_text="Running again, same disk.")
    expect(back).to_be_visible(timeout=60_000)
    browsing.until_painted(desk)

    def there() -> bool:
        """The picture comes before the keyboard, and both while everything in there begins."""
        browsing.type_command(desk, f"grep -q kept kept.txt && {ground(BLUE)}")
        desk.wait_for_timeout(1000)
        return share_of(desk, BLUE, TERMINAL) > 0.8

    eventually(there, seconds=60, what="the terminal, and the file in it")
    expect(desk.get_by_role("alertdialog")).to_be_hidden()
    expect(back).to_have_count(1)
    expect(desk.locator("#bar")).to_be_attached()
    page.close()
    desk.close()
