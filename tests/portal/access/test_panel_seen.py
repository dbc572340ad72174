"""The panel over an app's page, in Chromium: what people see, and that the app notices nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, expect

from tests import browsing
from tests.browsing import panel_over
from tests.portal.access.world import World, digest
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]

# As WebUIs are: it keeps an address, speaks over a WebSocket, asks, opens windows and dialogs, and
# has styles that would take anything of ours away.
APP = """<!doctype html><html lang=en><title>An app</title><link rel=icon href="data:,">
<style>html > *:not(head, body), iframe { display: none !important } body { margin: 8px }</style>
<h1>An app</h1><input id=prompt><output></output>
<a href="/next">here</a> <a href="/next" target="_blank">window</a>
<a href="/next" target="_top">top</a> <a href="/file" download>file</a>
<button onclick="document.body.requestFullscreen()">full</button><dialog id=ask>Really?</dialog>
<script>
  const said = (text) => { document.querySelector("output").textContent = text };
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/queue");
  socket.onopen = () => socket.send("hello");
  socket.onmessage = (event) => said(event.data);
  window.names = Object.keys(window).length;
</script></html>"""
Open = Callable[..., Page]


@pytest.fixture
def open_app(browser: Browser, world: World) -> Iterator[Open]:
    """`open_app(path)`: a tab on a WebUI; whatever it complains of fails the test."""
    contexts, complaints = [], []
    world.let_in("inside", world.app)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for frame in socket:
                await socket.send_str(frame.data)
            return socket
        if request.path == "/file":
            return web.Response(body=b"file", content_type="application/octet-stream")
        text = APP.replace("An app", "Next") if request.path == "/next" else APP
        return web.Response(text=text, content_type="text/html")

    world.desktop.answer = answer

    def complain(text: str) -> None:
        if "Failed to load resource" not in text and "WebSocket connection" not in text:
            complaints.append(text)

    def open(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        host = world.host(world.app).split(":")[0]
        cookie: Any = {"name": "__Host-desk", "value": "inside", "domain": host, "path": "/"}
        context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Lax"}])
        page = context.new_page()
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda said: said.type == "error" and complain(said.text))
        page.clock.install()
        page.goto(world.origin(world.app) + path)
        panel_over(page)
        return page

    yield open
    for context in contexts:
        context.close()
    assert not complaints


def tell(world: World, page: Page, **changes: Any) -> None:
    """The portal says something else from now on, and the next look hears it."""
    world.portal.state |= changes
    world.gateway.portal.states.clear()
    with page.expect_response("**/__gw/state"):
        page.clock.run_for(5100)


def panel(page: Page) -> Any:
    return panel_over(page).get_by_role("alertdialog")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Rain is stopping", "Rain is stopped", "Rain was started anew", "desktop's page"]),
        ("zh-hans", ["「Rain」正在停止", "「Rain」已停止", "「Rain」已再次启动", "前往桌面页面"]),
    ],
)
def test_a_stop_is_said_over_the_app_and_the_button_leads_back(
    open_app: Open, world: World, language: str, words: list[str]
) -> None:
    world.portal.state["language"] = language
    page = open_app("/some/page?of=it#here")
    expect(panel(page)).to_be_hidden()
    page.locator("#prompt").fill("a lighthouse")
    # Over a dialog of the app's own, too.
    page.evaluate("document.querySelector('#ask').showModal()")
    tell(world, page, status="stopping", open=False)
    expect(panel(page)).to_contain_text(words[0])
    tell(world, page, status="stopped")
    expect(panel(page)).to_contain_text(words[1])
    tell(world, page, status="running")
    expect(panel(page)).to_contain_text(words[2])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_visible()
    box = panel(page).bounding_box()
    assert box and box["x"] > 0 and box["x"] + box["width"] < 1280
    panel(page).get_by_role("link", name=words[3]).click()
    page.wait_for_url(f"{world.settings.portal_origin}/desktops/{world.desk.id}/")


def test_who_logged_out_is_told_so(open_app: Open, world: World) -> None:
    page = open_app()
    world.portal.sessions.pop(digest("inside"))
    tell(world, page)
    expect(panel(page)).to_contain_text("You are not let in here any more")


def test_a_broken_connection_is_said_and_what_was_typed_stays(
    open_app: Open, world: World
) -> None:
    page = open_app()
    page.locator("#prompt").fill("a lighthouse")
    page.context.set_offline(True)
    expect(panel(page)).to_contain_text("Your connection broke")
    page.clock.run_for(2000)
    expect(panel(page)).to_contain_text("trying again in")
    page.context.set_offline(False)
    expect(panel(page)).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "prompt"
    page.keyboard.type(", at night")
    expect(page.locator("#prompt")).to_have_value("a lighthouse, at night")


def test_a_desktop_that_died_and_came_back_brings_its_app_back(
    open_app: Open, world: World
) -> None:
    page = open_app("/next?a#b")
    page.locator("#prompt").fill("a lighthouse")
    tell(world, page, status="starting", open=False, returns=True)
    expect(panel(page)).to_contain_text("This page loads again by itself")
    tell(world, page, status="running", open=True, returns=False)
    expect(page.locator("#prompt")).to_have_value("")
    assert page.url == world.origin(world.app) + "/next?a#b"
    expect(panel(page)).to_be_hidden()


def test_the_app_is_a_page_as_without_it(open_app: Open, world: World) -> None:
    page = open_app()
    expect(page.get_by_text("hello")).to_be_visible()  # over its WebSocket
    assert page.title() == "An app"
    assert page.evaluate("document.querySelectorAll('iframe, dialog').length") == 1
    assert page.evaluate("Object.keys(window).length - window.names") == 1, "a frame's number"
    assert page.evaluate("window.top === window")
    with page.expect_download() as download:
        page.get_by_role("link", name="file").click()
    assert download.value.path().read_bytes() == b"file"
    for name in ("here", "top"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name="Next")).to_be_visible()
        panel_over(page)
        page.go_back()
        expect(page.get_by_role("heading", name="An app")).to_be_visible()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="window").click()
    expect(opened.value.get_by_role("heading", name="Next")).to_be_visible()
    panel_over(opened.value)
    opened.value.close()
    page.evaluate("history.pushState({}, '', '/deep#er')")
    page.go_back()
    assert page.url == world.origin(world.app) + "/"
    page.get_by_role("button", name="full").click()
    eventually(lambda: page.evaluate("Boolean(document.fullscreenElement)"), what="full screen")
    tell(world, page, status="stopped", open=False)
    expect(panel(page)).to_be_visible()
    panel_over(page).get_by_role("link").click(trial=True)  # it lies above even that


def test_an_app_that_is_starting_comes_by_itself(open_app: Open, world: World) -> None:
    page = open_app()
    served = world.desktop.answer

    async def not_yet(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    world.desktop.answer = not_yet
    page.reload()
    expect(page.get_by_text("WebUI is starting")).to_be_visible()
    world.desktop.answer = served
    expect(page.get_by_role("heading", name="An app")).to_be_visible()
    panel_over(page)
