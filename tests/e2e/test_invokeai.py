"""InvokeAI, prepared from its packages, paints in a desktop and is used through the gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import browsing
from tests.browsing import chromium, person, sign_up
from tests.e2e import invoke
from tests.e2e.generating import launch_and_watch, open_app
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.setups,
    pytest.mark.full,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_invokeai_paints_and_the_picture_is_in_outputs_after_stopping(
    browser: Browser, platform: Platform
) -> None:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    said = launch_and_watch(page, platform.url, "invokeai")
    assert any("packages" in line for line in said), said
    home = platform.data / "desktops" / page.url.rstrip("/").rsplit("/", 1)[-1] / "home"

    app, _complaints, hosts = open_app(page, "InvokeAI")
    invoke.ask_for_a_picture(app, "a cat by the window")
    folder = home / "Outputs" / "InvokeAI" / "images"
    eventually(lambda: list(folder.glob("*.png")), seconds=180, what="the picture")
    ours = {app.url.split("/")[2], platform.url.split("/")[2], "here"}
    assert hosts <= ours
    app.close()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert len(list(folder.glob("*.png"))) == 1
    context.close()
