"""The first picture on a cluster: the studio's own image in a real pod on a real node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests import browsing
from tests.browsing import chromium, person, sign_up, until_running
from tests.cluster.node.machine import RealNode
from tests.e2e.generating import (
    find_in_the_gallery,
    launch_and_watch,
    open_app,
    paint_in_the_studio,
)
from tests.running import Platform

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.node,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.full,
    pytest.mark.image("studio"),
    pytest.mark.timeout(900),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_a_newcomer_paints_in_a_pod_and_the_picture_stays_on_the_disk(
    browser: Browser, platform: Platform, node: RealNode
) -> None:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    launch_and_watch(page, platform.url, "studio", plan="aigc-large")
    app, complaints, hosts = open_app(page, "Studio")
    name = paint_in_the_studio(app, "a cat by the window, 水彩")
    assert complaints == []
    assert hosts <= {app.url.split("/")[2], platform.url.split("/")[2], "here"}
    app.close()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    [picture] = node.disks.glob(f"*/Outputs/{name}")
    with Image.open(picture) as image:
        assert image.size == (256, 256)
        assert "a cat by the window, watercolor painting" in image.info["parameters"]
    files = find_in_the_gallery(page, name)  # a pod of its own, without a card
    files.close()

    page.get_by_role("button", name="Start", exact=True).click()
    until_running(page)  # it has its disk to itself again
    context.close()
