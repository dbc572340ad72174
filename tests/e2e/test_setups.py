"""A newcomer's first picture: launch, see it prepared, write, paint, stop, and there it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests import browsing
from tests.browsing import chromium, person, sign_up
from tests.e2e.generating import launch_and_watch, open_app, paint_in_the_studio
from tests.running import Platform

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


@pytest.fixture
def page(browser: Browser, platform: Platform) -> Iterator[Page]:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    yield page
    context.close()


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

    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Pictures and files").click()
    files = opened.value
    files.locator(".wall img").wait_for()
    assert files.locator(".wall img").get_attribute("alt") == name
    assert files.locator(".wall img").evaluate("image => image.decode().then(() => true)")
    files.locator(".canvas").click()
    files.get_by_text("a cat by the window, watercolor painting").wait_for()
