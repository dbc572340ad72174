"""A newcomer's first picture: launch, see it prepared, write, paint, stop, and there it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from tests import browsing
from tests.browsing import chromium, person, sign_up
from tests.e2e.generating import (
    find_in_the_gallery,
    launch_and_watch,
    open_app,
    paint_in_the_studio,
)
from tests.e2e.screen import button_on, open_screen, press, vivid
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.setups,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def dora(browser: Browser, platform: Platform) -> Iterator[BrowserContext]:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(dora: BrowserContext) -> Iterator[Page]:
    page = dora.new_page()
    yield page
    page.close()


def test_a_newcomer_paints_in_the_studio_and_finds_the_picture_after_stopping(
    page: Page, platform: Platform
) -> None:
    said = launch_and_watch(page, platform.url, "studio")
    assert any("packages" in line for line in said), said
    id = page.url.rstrip("/").rsplit("/", 1)[-1]

    app, complaints, hosts = open_app(page, "Studio")
    name = paint_in_the_studio(app, "a cat by the window, 水彩")
    assert complaints == []
    assert hosts <= {app.url.split("/")[2], platform.url.split("/")[2], "here"}
    app.close()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    picture = platform.data / "desktops" / id / "home" / "Outputs" / name
    with Image.open(picture) as image:
        assert image.size == (256, 256)
        assert "a cat by the window, watercolor painting" in image.info["parameters"]
    assert len(list(Path(picture.parent).glob("*.png"))) == 1

    files = find_in_the_gallery(page, name)
    assert files.locator(".wall img").count() == 1
    files.locator(".canvas").click()
    files.get_by_text("a cat by the window, watercolor painting").wait_for()


def test_the_desktop_itself_begins_with_one_button_that_leads_to_the_studio(
    page: Page, platform: Platform
) -> None:
    launch_and_watch(page, platform.url, "studio")
    desk = open_screen(page)
    welcome = button_on(desk)
    press(desk, welcome)
    button_on(desk, but_not=welcome)  # the studio's own, in the browser inside


@pytest.mark.full
def test_it_paints_inside_the_desktop(page: Page, platform: Platform) -> None:
    launch_and_watch(page, platform.url, "studio")
    outputs = platform.data / "desktops" / page.url.rstrip("/").rsplit("/", 1)[-1] / "home/Outputs"
    desk = open_screen(page)
    welcome = button_on(desk)
    press(desk, welcome)
    button_on(desk, but_not=welcome)

    def paints() -> bool:
        # The words are above the button, the picture to its right; the page may have moved since.
        left, top, right, _bottom = button_on(desk, but_not=welcome)
        picture = (right + 320, top, right + 620, top + 200)
        # Words that come while the page is still being put together are lost. None of them is
        # a space, which would scroll it then.
        desk.mouse.click(left + 80, top - 50)
        desk.keyboard.press("Control+a")  # of an attempt before
        desk.keyboard.type("cats", delay=25)
        press(desk, button_on(desk))
        return any(vivid(desk, picture) > 0.3 or desk.wait_for_timeout(500) for _ in range(80))

    eventually(paints, seconds=120, what="the picture on the screen")
    saved = next(outputs.glob("*.png"))  # a slow one may have been asked for twice
    with Image.open(saved) as image:
        assert image.info["parameters"].startswith("cats\n")


def test_a_creators_layer_begins_with_the_creators_settings_and_samples(
    page: Page, platform: Platform
) -> None:
    launch_and_watch(page, platform.url, "mountain-ink")
    app, complaints, _hosts = open_app(page, "Studio")
    app.get_by_text("Examples by Mo Bai").wait_for(timeout=60_000)
    assert app.locator("#size input").input_value() == "Portrait 512 × 768"
    app.locator("#samples button", has_text="ink wash river valley").click()
    app.wait_for_function("document.querySelector('#size input').value.startsWith('Landscape')")
    prompt = app.locator("#prompt textarea").input_value()
    assert prompt.startswith("ink wash river valley after rain, two fishermen")
    assert complaints == []
