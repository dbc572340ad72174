"""A WebUI whose source was given, through the whole platform: asked for, prepared, opened."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browsing
from tests.browsing import chromium, panel_over, person, sign_up, until_running
from tests.e2e.generating import launch_and_watch, open_app
from tests.images.standins import SOURCE, a_standin
from tests.running import ROOT, Platform

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """With a folder of setups of its own, in it the stand-in."""
    with tempfile.TemporaryDirectory(prefix="atelier-setups-") as folder:
        Path(folder).chmod(0o755)  # the platform runs as somebody else where we are root
        a_standin(Path(folder))
        running = Platform(ATELIER_SETUPS_FOLDER=folder)
        try:
            running.up()
            yield running
        finally:
            running.end()


@pytest.fixture(scope="module")
def page(platform: Platform) -> Iterator[Page]:
    with chromium() as browser:
        yield from _in(browser, platform)


def _in(browser: Browser, platform: Platform) -> Iterator[Page]:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "shen@example.org")
    yield page
    context.close()


def test_it_is_asked_for_before_anybody_can_launch_it(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/setups/stand-in/")
    page.get_by_text("Not on this site yet.").wait_for()
    wrong = prepare(platform, "--source", str(SOURCE / "assets"))
    assert wrong.returncode == 1
    assert "stand-in: " in wrong.stderr
    assert "but the setup names" in wrong.stderr or "has no assets" in wrong.stderr
    missing = prepare(platform)
    assert missing.returncode == 1
    assert "no source was given" in missing.stderr


def test_it_is_prepared_launched_and_keeps_the_contract_at_its_own_origin(
    page: Page, platform: Platform
) -> None:
    done = prepare(platform, "--source", str(SOURCE))
    assert done.returncode == 0, done.stderr
    launch_and_watch(page, platform.url, "stand-in")
    id = page.url.rstrip("/").rsplit("/", 1)[-1]
    app, complaints, hosts = open_app(page, "Stand-in")
    app.get_by_role("heading", name="Stand-in").wait_for()
    paint = app.get_by_role("button", name="Paint")
    expect(app.locator("body")).to_have_css("background-color", "rgb(244, 240, 232)")
    paint.click()  # enabled once its WebSocket is open
    app.locator("output", has_text="painted square-1.png").wait_for()
    told = app.evaluate("fetch('/told').then((answer) => answer.json())")
    assert told["host"] == app.url.split("/")[2]
    assert told["scheme"] == "http"
    assert complaints == []
    assert hosts <= {app.url.split("/")[2], platform.url.split("/")[2], "here"}
    home = platform.data / "desktops" / id / "home"
    assert (home / "Outputs" / "Stand-in" / "square-1.png").is_file()

    # Stopped in the portal's tab, it says so by itself, and its button leads back.
    page.get_by_role("button", name="Stop", exact=True).click()
    panel = panel_over(app).get_by_role("alertdialog")
    expect(panel).to_contain_text("is stopped", timeout=20_000)
    panel.get_by_role("link", name="To the desktop's page").click()
    app.get_by_role("button", name="Start", exact=True).click()
    until_running(app)
    again, complaints, _hosts = open_app(app, "Stand-in")
    again.get_by_role("heading", name="Stand-in").wait_for()
    again.get_by_role("button", name="Paint").click()
    again.locator("output", has_text="painted square-2.png").wait_for()
    assert complaints == []


def prepare(platform: Platform, *words: str) -> subprocess.CompletedProcess[str]:
    """As an operator would, where the platform is installed."""
    return subprocess.run(
        [sys.executable, "-m", "images.setups", "prepare", "stand-in", *words],
        cwd=ROOT,
        env=platform.env,
        capture_output=True,
        text=True,
        check=False,
    )
