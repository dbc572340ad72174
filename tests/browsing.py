"""A real Chromium for tests and benches, and what a person sees of a desktop in it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Frame, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.running import eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTH, HEIGHT = 1280, 800
# Where the terminal lies on a fresh desktop of that size: inside its text, clear of its frame.
TERMINAL = (200, 130, 800, 450)


@contextmanager
def chromium() -> Iterator[Browser]:
    with chromiums(1) as (browser,):
        yield browser


@contextmanager
def chromiums(count: int) -> Iterator[list[Browser]]:
    """So many browsers that share nothing: as on the machines of so many people."""
    with sync_playwright() as playwright, ExitStack() as open_ones:
        browsers = []
        for _ in range(count):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            open_ones.callback(browser.close)
            browsers.append(browser)
        yield browsers


def person(browser: Browser, **options: Any) -> BrowserContext:
    """A browser profile of one's own; pages give up after 20 seconds."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        locale="en-GB",
        accept_downloads=True,
        **options,
    )
    context.set_default_timeout(20_000)
    return context


def sign_up(page: Page, url: str, email: str, password: str = "paint-by-evening-light") -> None:
    """As a newcomer does it, the code taken from the mailbox beside the form."""
    page.goto(f"{url}/")
    page.get_by_role("link", name="Create an account").first.click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("button", name="Copy and fill in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/desktops/**")


def launch(page: Page, url: str, *, plan: str = "aigc-a4000", setup: str = "blank") -> str:
    """Launches and waits, on the page itself and without reload; answers the desktop's id."""
    page.goto(f"{url}/desktops/new/?plan={plan}&setup={setup}")
    page.locator("[data-order-button]").click()
    page.wait_for_url("**/desktops/*-*-*-*-*/")
    until_running(page)
    return page.url.rstrip("/").rsplit("/", 1)[-1]


def until_running(page: Page, *, seconds: float = 60) -> None:
    page.get_by_role("button", name="Open the desktop").wait_for(timeout=seconds * 1000)


def open_desktop(page: Page) -> Page:
    """The desktop in its new tab, once its picture has come."""
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open the desktop").click()
    desk = opened.value
    until_painted(desk)
    until_listening(desk)
    return desk


def inside(desk: Page) -> Frame:
    """The streamer's own page, which lies in a frame below the bar."""
    frame = desk.locator("#stream").element_handle().content_frame()
    assert frame is not None
    return frame


def panel_over(page: Page) -> Frame:
    """The page of our panel over an app's, seen or not, once its script runs."""

    def there() -> Frame | None:
        page.evaluate("0")  # frames are heard of while something is asked
        for frame in page.frames:
            if frame.url.endswith("/__gw/panel"):
                found = frame.evaluate("document.readyState") == "complete"
                return frame if found else None
        return None

    found = eventually(there, what="the panel's page")
    assert found is not None
    return found


def until_painted(desk: Page, *, seconds: float = 30) -> None:
    eventually(lambda: painted(desk), seconds=seconds, what="the desktop's picture")


def painted(desk: Page) -> bool:
    """The terminal's dark ground is on the screen: not a blank page, not a spinner."""
    try:
        return share_of(desk, (23, 26, 34), TERMINAL) > 0.5
    except PlaywrightError:  # no picture can be taken while one page makes way for the next
        return False


def until_listening(desk: Page, *, seconds: float = 20) -> None:
    """The picture comes a moment before the keyboard: press Enter until a new prompt answers."""
    before = picture_of(desk, TERMINAL).tobytes()
    desk.mouse.click(TERMINAL[0] + 200, TERMINAL[1] + 150)

    def answered() -> bool:
        desk.keyboard.press("Enter")
        desk.wait_for_timeout(250)
        return picture_of(desk, TERMINAL).tobytes() != before

    eventually(answered, seconds=seconds, what="the terminal's answer to Enter")


def picture_of(desk: Page, box: tuple[int, int, int, int]) -> Image.Image:
    return Image.open(io.BytesIO(desk.screenshot())).convert("RGB").crop(box)


def share_of(
    desk: Page, colour: tuple[int, int, int], box: tuple[int, int, int, int], *, near: int = 24
) -> float:
    """The share of pixels within `box` of about this colour; pictures are lossy."""
    pixels = list(picture_of(desk, box).get_flattened_data())
    close = [
        all(abs(seen - wanted) <= near for seen, wanted in zip(pixel, colour, strict=True))
        for pixel in pixels
    ]
    return sum(close) / len(close)


def type_command(desk: Page, command: str) -> None:
    """Into the terminal, which has the keyboard after a click."""
    desk.mouse.click(TERMINAL[0] + 200, TERMINAL[1] + 150)
    desk.keyboard.type(command, delay=25)
    desk.keyboard.press("Enter")
