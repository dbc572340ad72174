"""Several windows on one desktop, in a real Chromium, with a streamer that never gives up.

Its page dials again as soon as its socket is gone, and its server lets the newest one win: left to
themselves, two windows would take the picture from each other for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from tests import browsing
from tests.browsing import inside
from tests.portal.access.world import World
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]

PAGE = """<!doctype html><title>A desktop</title><h1>No picture</h1><script>
  window.dialled = 0;
  (function dial() {
    dialled++;
    const socket = new WebSocket(`ws://${location.host}/api/websockets`);
    const says = (text) => document.querySelector("h1").textContent = text;
    socket.onopen = () => says(`${innerWidth} x ${innerHeight}`);
    socket.onclose = () => { says("The streamer's own words"); setTimeout(dial, 20) };
  })();
</script>"""


class Streamer:
    """As said above; it can die, too."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sockets: list[web.WebSocketResponse] = []
        self.stolen = 0  # pictures taken from one that still had it
        world.desktop.answer = self.answer

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.headers.get("Upgrade"):
            return web.Response(text=PAGE, content_type="text/html")
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        before, self.sockets = self.sockets, [ws]
        self.stolen += len(before)
        await asyncio.gather(*(one.close() for one in before))
        async for _frame in ws:
            pass
        if ws in self.sockets:
            self.sockets.remove(ws)
        return ws

    def dies(self) -> None:
        async def close() -> None:
            await asyncio.gather(*(one.close() for one in self.sockets))

        self.world.background.run(close())


class People:
    """Browsers on the desktop, each with a session of its own."""

    def __init__(self, browser: Browser, world: World) -> None:
        self.browser, self.world = browser, world
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def come(self, session: str, *, who: str = "", **options: Any) -> BrowserContext:
        context = self.browser.new_context(**options)
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        self.let_in(context, session, who)
        return context

    def let_in(self, context: BrowserContext, session: str, who: str = "") -> None:
        """By a ticket: the browser's cookie is this session's from now on."""
        self.world.let_in(session, self.world.desk, who=who)
        host = self.world.host().split(":")[0]
        cookie = {"name": "__Host-desk", "value": session, "domain": host, "path": "/"}
        context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Lax"}])  # type: ignore[list-item]

    def open(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.world.origin() + "/")
        return page


@pytest.fixture
def streamer(world: World) -> Streamer:
    return Streamer(world)


@pytest.fixture
def people(browser: Browser, world: World) -> Iterator[People]:
    people = People(browser, world)
    yield people
    for context in people.contexts:
        context.close()
    assert not people.complaints


def sees(page: Page) -> None:
    """The picture, of this window's own size."""
    size = page.locator("#stream").evaluate("one => `${one.clientWidth} x ${one.clientHeight}`")
    expect(page.frame_locator("#stream").get_by_role("heading")).to_have_text(size, timeout=15_000)
    expect(page.get_by_role("alertdialog")).to_be_hidden()


def covered(page: Page, text: str) -> None:
    expect(page.get_by_role("alertdialog")).to_contain_text(text, timeout=15_000)
    expect(page.locator("#stream")).to_have_count(0)
    expect(page.locator("#bar")).to_be_hidden()


def rests(page: Page, streamer: Streamer) -> None:
    """Nobody reaches for the picture any more, however often this one would have dialled."""
    before, asked = streamer.stolen, len(streamer.world.desktop.heard)
    page.wait_for_timeout(1500)
    assert (streamer.stolen, len(streamer.world.desktop.heard)) == (before, asked)


def undisturbed(page: Page) -> bool:
    """Its picture is the one that it began with: it was never taken, and never dialled again."""
    sees(page)
    return bool(inside(page).evaluate("dialled") == 1)


# --- Another window -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_phone_and_then_the_computer(
    people: People, world: World, streamer: Streamer, language: str
) -> None:
    world.portal.state["language"] = language
    english = language == "en"
    phone = people.open(
        people.come("phone", viewport={"width": 390, "height": 844}, has_touch=True)
    )
    sees(phone)
    computer = people.open(people.come("computer", viewport={"width": 1280, "height": 800}))
    sees(computer)
    covered(phone, "Rain is open in another window" if english else "「Rain」已在另一个窗口打开")
    rests(phone, streamer)
    sees(computer)
    phone.get_by_role("button", name="Use it here" if english else "在这里使用").tap()
    sees(phone)
    covered(computer, "another window" if english else "另一个窗口")
    rests(computer, streamer)
    assert streamer.stolen == 0, "each was ended before the next one began"
    # Whatever becomes of whoever took it, it stays so until the button is pressed.
    world.portal.holders.clear()
    world.gateway.portal.states.clear()
    with computer.expect_response("**/__gw/state?window=*"):
        computer.evaluate("dispatchEvent(new Event('online'))")
    rests(computer, streamer)
    covered(computer, "another window" if english else "另一个窗口")


def test_two_tabs_of_one_browser(people: People, world: World, streamer: Streamer) -> None:
    """To the gateway they are one session: the first is gone before the second one dials, and so
    takes nothing from it."""
    context = people.come("first")
    first = people.open(context)
    sees(first)
    people.let_in(context, "second")  # pressed "Open" again
    second = people.open(context)
    sees(second)
    covered(first, "another window")
    assert undisturbed(second)
    third = people.open(context)  # the same cookie, as a tab that was duplicated
    sees(third)
    covered(second, "another window")
    rests(third, streamer)
    assert undisturbed(third)
    first.get_by_role("button", name="Use it here").click()
    sees(first)
    covered(third, "another window")
    covered(second, "another window")
    rests(first, streamer)
    assert undisturbed(first)


def test_somebody_else_of_the_team(people: People, world: World, streamer: Streamer) -> None:
    hers = people.open(people.come("hers", who="Alice"))
    sees(hers)
    his = people.open(people.come("his", who="<b>Bob</b>"))
    sees(his)
    covered(hers, "<b>Bob</b> opened Rain")
    hers.get_by_role("button", name="Use it here").click()
    sees(hers)
    covered(his, "Alice opened Rain")
    rests(his, streamer)


def test_what_comes_back_to_the_same_window_is_no_other_one(
    people: People, world: World, streamer: Streamer
) -> None:
    context = people.come("one")
    page = people.open(context)
    sees(page)
    page.reload()
    sees(page)
    streamer.dies()  # and is dialled again
    sees(page)
    context.set_offline(True)
    streamer.dies()
    expect(page.get_by_role("alertdialog")).to_contain_text("your connection broke")
    context.set_offline(False)
    sees(page)
    inside(page).evaluate("location.reload()")
    sees(page)
    # A ticket that was used and never looked at: the window goes on with the newer session.
    people.let_in(context, "two")
    streamer.dies()
    sees(page)
    rests(page, streamer)


def test_a_desktop_cannot_use_the_word_of_windows(
    people: People, world: World, streamer: Streamer
) -> None:
    """It says that another window was opened; the gateway knows of none."""
    page = people.open(people.come("one"))
    sees(page)
    for said in (
        "{opened: 'mine', at: Date.now()}",
        "{opened: 'mine', at: Date.now() + 1e9}",
        "{opened: 'mine'}",
        "'nonsense'",
        "null",
    ):
        inside(page).evaluate(f"new BroadcastChannel('atelier-windows').postMessage({said})")
        sees(page)


def test_nobody_reaches_for_what_another_window_may_have(
    people: People, world: World, streamer: Streamer
) -> None:
    """From the other one's word until the gateway's answer, however long that takes."""
    context = people.come("one")
    first = people.open(context)
    sees(first)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    first.route("**/__gw/state?window=*", hold)
    second = people.open(context)
    sees(second)
    eventually(lambda: first.wait_for_timeout(50) or waiting, what="it asks")
    expect(first.locator("#stream")).to_have_count(0)
    rests(second, streamer)
    expect(first.locator("#stream")).to_have_count(0)
    first.unroute("**/__gw/state?window=*")
    for one in waiting:
        with suppress(PlaywrightError):  # the page has waited long enough, and asks again
            one.continue_()
    covered(first, "another window")


# --- A desktop that died ------------------------------------------------------------------------


def dies(world: World, streamer: Streamer, **state: Any) -> None:
    """The desktop is gone, and its sessions open nothing meanwhile."""
    world.portal.state |= {"status": "starting", "open": False, "returns": True} | state
    world.portal.away = True
    world.gateway.portal.states.clear()
    world.gateway.portal.grants.clear()
    streamer.dies()


def comes_back(world: World) -> None:
    since = datetime.now(UTC).isoformat()
    world.portal.state |= {"status": "running", "open": True, "returns": False, "since": since}
    world.portal.away = False


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_picture_of_a_desktop_that_died_returns_by_itself(
    people: People, world: World, streamer: Streamer, language: str
) -> None:
    world.portal.state["language"] = language
    english = language == "en"
    page = people.open(people.come("one"))
    sees(page)
    dies(world, streamer)
    covered(page, "Rain ended and is starting again" if english else "正在重新启动")
    covered(page, "The picture comes back here by itself." if english else "画面会自动回到这里")
    page.reload()  # by somebody who does not wait
    covered(page, "Rain ended and is starting again" if english else "正在重新启动")
    world.portal.state |= {"status": "queued"}
    covered(page, "waits for a graphics card" if english else "正在等待显卡")
    comes_back(world)
    sees(page)
    expect(page.locator("#bar")).to_be_visible()
    rests(page, streamer)


def test_one_that_was_back_before_anybody_looked_is_told(
    people: People, world: World, streamer: Streamer
) -> None:
    page = people.open(people.come("one"))
    sees(page)
    frame = inside(page)
    frame.evaluate("document.title = 'the page from before'")
    comes_back(world)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Running again, same disk.", timeout=15_000)
    sees(page)
    assert inside(page).title() == "A desktop", "whatever the old page had become"
    expect(notice).to_have_count(1)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("failed", "Rain ended and could not be started again"),
        ("stopped", "Rain is stopped"),
        ("running", "Rain was started anew"),
        ("deleting", "Rain is not open here any more"),
    ],
)
def test_one_that_does_not_come_back_says_why(
    people: People, world: World, streamer: Streamer, status: str, text: str
) -> None:
    page = people.open(people.come("one"))
    sees(page)
    dies(world, streamer, status=status, returns=False)
    covered(page, text)
    portal = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    back = page.get_by_role("alertdialog").get_by_role("link", name="To the desktop's page")
    assert back.get_attribute("href") == portal


def test_one_that_is_deleted_has_no_page(people: People, world: World, streamer: Streamer) -> None:
    page = people.open(people.come("one"))
    sees(page)
    world.portal.sessions = dict.fromkeys(world.portal.sessions, world.app)
    world.gateway.portal.states.clear()
    streamer.dies()
    covered(page, "Rain is deleted")
    back = page.get_by_role("alertdialog").get_by_role("link", name="To Atelier")
    assert back.get_attribute("href") == f"{world.settings.portal_origin}/desktops/"


def test_a_covered_window_hears_of_a_death_and_stays_covered(
    people: People, world: World, streamer: Streamer
) -> None:
    phone = people.open(people.come("phone"))
    sees(phone)
    computer = people.open(people.come("computer"))
    sees(computer)
    covered(phone, "another window")
    dies(world, streamer)
    covered(computer, "starting again")
    covered(phone, "another window")
    comes_back(world)
    sees(computer)
    covered(phone, "another window")
    rests(phone, streamer)
    eventually(lambda: len(streamer.sockets) == 1, what="one picture")
