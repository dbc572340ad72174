"""The walk on a cluster: a real pod on a real node, opened in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from provisioner.drivers.kubernetes import names
from tests import browsing
from tests.browsing import TERMINAL, chromium, launch, open_desktop, person, share_of, sign_up
from tests.cluster.node.machine import NAME, RealNode
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.node,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]

GREEN, BLUE = (0, 160, 60), (30, 60, 200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def ground(colour: tuple[int, int, int]) -> str:
    """A shell command that paints the terminal in one colour."""
    red, green, blue = colour
    return f"printf '\\e[48;2;{red};{green};{blue}m\\e[2J'"


def reads(desk: Page, colour: tuple[int, int, int]) -> None:
    eventually(lambda: share_of(desk, colour, TERMINAL) > 0.8, seconds=20, what=f"{colour}")


def pods(node: RealNode) -> list[dict[str, Any]]:
    return node.plane.api.list("/api/v1/pods", labelSelector=names.DESKTOP)


def left_behind(node: RealNode) -> list[str]:
    """Whatever there is of any desktop."""
    found = [
        f"{kind}/{one['metadata']['name']}"
        for kind in ("pods", "persistentvolumeclaims", "secrets")
        for one in node.plane.api.list(f"/api/v1/{kind}", labelSelector=names.DESKTOP)
    ]
    found += [one["metadata"]["name"] for one in node.plane.api.list("/api/v1/persistentvolumes")]
    return [*found, *(str(disk) for disk in node.disks.glob("*"))]


def test_a_newcomer_works_on_a_real_node_and_leaves_nothing_there(
    browser: Browser, platform: Platform, node: RealNode
) -> None:
    before = set(left_behind(node))  # other tests' disks may be on their way out
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "alice@example.org")
    id = launch(page, platform.url)
    [pod] = pods(node)
    assert pod["spec"]["nodeName"] == NAME
    first = pod["metadata"]["uid"]
    desk = open_desktop(page)

    # The answer decides the colour, so what is seen was computed in there and painted out here.
    browsing.type_command(
        desk, f"echo $((6*7)) >answer.txt; grep -q 42 answer.txt && {ground(GREEN)}"
    )
    reads(desk, GREEN)
    desk.close()
    [disk] = [one for one in node.disks.glob("*") if (one / "answer.txt").exists()]
    assert (disk / "answer.txt").read_text() == "42\n"

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert not pods(node), "it is said to be stopped while its pod still runs"
    with context.expect_page() as opened:
        page.get_by_role("button", name="Pictures and files").click()
    files = opened.value
    files.locator("[data-tab=files]").click()
    files.get_by_text("answer.txt").wait_for()
    files.close()
    page.get_by_role("button", name="Start", exact=True).click()
    browsing.until_running(page)
    [pod] = pods(node)
    assert pod["metadata"]["uid"] != first

    desk = open_desktop(page)
    browsing.type_command(desk, f"grep -q 42 answer.txt && {ground(BLUE)}")
    reads(desk, BLUE)
    desk.close()

    token = platform.token("alice@example.org")
    assert platform.call("DELETE", f"/api/v1/desktops/{id}/", token=token).status == 202
    eventually(lambda: set(left_behind(node)) <= before, seconds=40, what="the end of it all")
    context.close()
