"""InvokeAI's own image in a real pod on a real node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import browsing
from tests.browsing import chromium, person, sign_up
from tests.cluster.node.machine import RealNode
from tests.e2e import invoke
from tests.e2e.generating import launch_and_watch, open_app
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.node,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.full,
    pytest.mark.image("invokeai"),
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_invokeai_paints_in_a_pod_and_the_picture_stays_on_the_disk(
    browser: Browser, platform: Platform, node: RealNode
) -> None:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    launch_and_watch(page, platform.url, "invokeai", plan="aigc-large")
    app, _complaints, hosts = open_app(page, "InvokeAI")
    invoke.ask_for_a_picture(app, "a cat by the window")
    pictures = "*/Outputs/InvokeAI/images/*.png"
    eventually(lambda: list(node.disks.glob(pictures)), seconds=180, what="the picture")
    assert hosts <= {app.url.split("/")[2], platform.url.split("/")[2], "here"}
    app.close()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert len(list(node.disks.glob(pictures))) == 1
    context.close()
