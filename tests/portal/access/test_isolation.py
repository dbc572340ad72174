"""Real Chromium: what a hostile desktop's page can do to the portal and to other desktops.

It lies in a frame of our own page, on the same origin, so it speaks for that page as well; and it
may fill a window of its own.

The portal is the real one, so are the gateway and its questions; only the desktops are pretended,
and serve whatever a test wants them to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.conf import settings
from django.core.signals import request_started
from playwright.sync_api import BrowserContext, Frame, Page, expect

from portal.access.hosts import Desk
from portal.access.models import DesktopSession
from portal.accounts.models import User
from provisioner.desktops import Desktop
from tests import browsing
from tests.portal.access.conftest import Running
from tests.portal.access.world import World, listening
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]
PAGE = "<!doctype html><title>A desktop</title><h1>A desktop</h1>"


@dataclass
class Estate:
    """The portal, the gateway, and what both heard."""

    world: World
    portal: str
    to_portal: list[dict[str, Any]] = field(default_factory=list)

    def address(self, desktop: Desktop, app: str = "") -> str:
        return self.world.origin(Desk(desktop.id, app))

    def heard_by(self, desktop: Desktop) -> list[Any]:
        host = self.world.host(Desk(desktop.id))
        return [one for one in self.world.desktop.heard if one.get("Host") == [host]]

    def log_in(self, context: BrowserContext, who: str = "alice") -> Page:
        # The live server answers one thread a request; streams that never end would keep theirs.
        context.route("**/events/", lambda route: route.abort())
        page = context.new_page()
        page.goto(f"{self.portal}/accounts/login/")
        page.locator("input[name=login]").fill(f"{who}@example.org")
        page.locator("input[name=password]").fill(f"password of {who}")
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/desktops/")
        return page

    def open(self, page: Page, desktop: Desktop) -> Page:
        page.goto(f"{self.portal}/desktops/{desktop.id}/")
        with page.context.expect_page() as opened:
            page.locator("form[action$='/open/'] button").first.click()
        opened.value.wait_for_url(self.address(desktop) + "/")
        return opened.value

    def enter(self, page: Page, desktop: Desktop) -> Frame:
        """The desktop's own page, inside of ours."""
        tab = self.open(page, desktop)
        frame = tab.locator("#stream").element_handle().content_frame()
        assert frame is not None
        frame.wait_for_selector("h1")
        assert frame.title() == "A desktop"
        return frame

    def logged_in(self, page: Page) -> bool:
        answer = page.goto(f"{self.portal}/desktops/")
        assert answer is not None and answer.status == 200
        return page.url == f"{self.portal}/desktops/"


@pytest.fixture
def estate(live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    # Playwright keeps a loop in this thread, and Django would take that for a mistake.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    portal = f"http://localhost:{live_server.thread.port}"
    world = World(
        tmp_path, portal_url=f"http://127.0.0.1:{live_server.thread.port}", portal_origin=portal
    ).up(key=settings.ATELIER.gateway_key)
    monkeypatch.setattr(settings.ATELIER, "portal_origin", portal)
    monkeypatch.setattr(settings.ATELIER, "desk_origin", world.settings.desk_origin)
    estate = Estate(world, portal)

    async def page(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _frame in socket:
                pass
            return socket
        return web.Response(text=PAGE, content_type="text/html")

    world.desktop.answer = page

    def hear(environ: dict[str, Any], **_more: Any) -> None:
        estate.to_portal.append(environ)

    request_started.connect(hear)
    try:
        yield estate
    finally:
        request_started.disconnect(hear)
        world.down()


@pytest.fixture
def chromium() -> Iterator[Any]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def alices(chromium: Any, alice: User) -> BrowserContext:
    return browsing.person(chromium)


@pytest.fixture
def first(estate: Estate, alice: User, running: Running) -> Desktop:
    return running(alice.personal_tenant, name="First", endpoint=f"unix:{estate.world.stream}")


@pytest.fixture
def second(estate: Estate, alice: User, running: Running) -> Desktop:
    return running(alice.personal_tenant, name="Second", endpoint=f"unix:{estate.world.stream}")


def test_the_way_in_leaves_no_trace(
    estate: Estate, alices: BrowserContext, first: Desktop
) -> None:
    page = estate.log_in(alices)
    desk = estate.open(page, first)
    assert desk.title() == "First · Atelier"
    (cookie,) = [one for one in alices.cookies(desk.url) if one["name"] == "__Host-desk"]
    assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax"
    assert cookie["domain"] == estate.world.host(Desk(first.id)).split(":")[0]
    assert desk.evaluate("document.cookie") == ""
    assert desk.evaluate("window.opener") is None
    assert desk.evaluate("performance.getEntriesByType('navigation')[0].name") == desk.url
    heard = estate.heard_by(first)
    assert heard and not any(one.path.startswith("/__gw") for one in heard)
    secret = cookie["value"]
    assert all(secret not in repr(one) for one in estate.world.desktop.heard)
    assert DesktopSession.objects.count() == 1
    # Coming back needs no ticket, and the portal's own cookies never came here.
    desk.reload()
    assert not any(one.get("Cookie") for one in estate.heard_by(first))


def test_a_desktops_page_cannot_touch_the_portal(
    estate: Estate, alices: BrowserContext, first: Desktop, second: Desktop
) -> None:
    page = estate.log_in(alices)
    desk = estate.enter(page, first)
    estate.to_portal.clear()
    for credentials, mode in (("include", "cors"), ("include", "no-cors")):
        read = desk.evaluate(
            """async ([address, credentials, mode]) => {
                try {
                    const answer = await fetch(address, {credentials, mode});
                    return await answer.text();
                } catch (error) { return "" }
            }""",
            [f"{estate.portal}/desktops/", credentials, mode],
        )
        assert read == ""
    # In a frame, and in a window that it opened.
    assert desk.evaluate(FRAME, f"{estate.portal}/desktops/") in ("blocked", "")
    assert desk.evaluate(WINDOW, f"{estate.portal}/desktops/") == "no"
    # A form of its own, sent as a whole page: what it asks for does not happen.
    stop = f"{estate.portal}/desktops/{second.id}/stop/"
    with alices.expect_page() as opened:
        desk.evaluate(FORM, stop)
    opened.value.wait_for_load_state()
    second.refresh_from_db()
    assert second.desired == "running"
    ours = settings.SESSION_COOKIE_NAME
    from_desk = [
        one
        for one in estate.to_portal
        if one.get("HTTP_SEC_FETCH_SITE") == "cross-site"
        and not (one["REQUEST_METHOD"] == "GET" and one["HTTP_SEC_FETCH_DEST"] == "document")
    ]
    assert len(from_desk) >= 4
    assert not [one for one in from_desk if ours in one.get("HTTP_COOKIE", "")]
    assert desk.evaluate(SOCKET, estate.portal.replace("http", "ws") + "/") == "closed"


def test_a_desktops_page_cannot_reach_another_desktop(
    estate: Estate, alices: BrowserContext, first: Desktop, second: Desktop
) -> None:
    page = estate.log_in(alices)
    desk, _other = estate.enter(page, first), estate.enter(page, second)
    before = len(estate.heard_by(second))
    target = estate.address(second)
    for mode in ("cors", "no-cors"):
        read = desk.evaluate(
            """async ([address, mode]) => {
                const asked = {credentials: "include", mode, method: "POST", body: "x"};
                try { return await (await fetch(address, asked)).text() }
                catch (error) { return "" }
            }""",
            [target + "/api/upload", mode],
        )
        assert read == ""
    assert desk.evaluate(SOCKET, target.replace("http", "ws") + "/websockets") == "closed"
    assert desk.evaluate(FRAME, target + "/") in ("blocked", "")
    assert len(estate.heard_by(second)) == before, "nothing of it arrived"
    # A link may lead there, as any link in the world may; the page it leads to stays its own.
    assert desk.evaluate(WINDOW, target + "/") == "no"


def test_tossed_cookies_land_nowhere(
    estate: Estate, alices: BrowserContext, first: Desktop
) -> None:
    page = estate.log_in(alices)
    desk = estate.enter(page, first)
    names = [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "sessionid", "__Host-desk"]
    desk.evaluate(
        """(names) => {
            for (const name of names)
                for (const domain of ["localhost", ".localhost", location.hostname, ""])
                    document.cookie = `${name}=evil; path=/; secure`
                        + (domain ? `; domain=${domain}` : "");
            for (let number = 0; number < 400; number++)
                document.cookie = `junk${number}=${"x".repeat(200)}; path=/; domain=localhost`;
        }""",
        names,
    )
    estate.to_portal.clear()
    assert estate.logged_in(page)
    assert not any("evil" in one.get("HTTP_COOKIE", "") for one in estate.to_portal)
    assert not any("junk" in one.get("HTTP_COOKIE", "") for one in estate.to_portal)
    # Its own door may be spoilt by its own page; nothing worse than having to come in anew.
    assert estate.enter(page, first)


def test_a_listener_on_another_port_cannot_use_the_desks_cookie(
    estate: Estate, alices: BrowserContext, first: Desktop
) -> None:
    """Cookies ignore ports: the browser sends ours along, so the gateway has to look."""
    one = listening()

    async def start() -> web.ServerRunner:
        async def answer(_request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text=PAGE, content_type="text/html")

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.2)
        await runner.setup()
        await web.SockSite(runner, one).start()
        return runner

    runner = estate.world.background.run(start())
    page = estate.log_in(alices)
    desk = estate.open(page, first)
    host = estate.world.host(Desk(first.id)).split(":")[0]
    desk.goto(f"http://{host}:{one.getsockname()[1]}/")
    before = len(estate.heard_by(first))
    for method in ("GET", "POST"):
        desk.evaluate(
            """async ([address, method]) => {
                const asked = {credentials: "include", mode: "no-cors", method};
                await fetch(address, asked).catch(() => 0);
            }""",
            [estate.address(first) + "/steal", method],
        )
    target = estate.address(first).replace("http", "ws") + "/websockets"
    assert desk.evaluate(SOCKET, target) == "closed"
    assert len(estate.heard_by(first)) == before
    estate.world.background.run(runner.cleanup())


def test_logging_out_closes_what_is_open_in_five_seconds(
    estate: Estate, alices: BrowserContext, first: Desktop
) -> None:
    page = estate.log_in(alices)
    desk = estate.enter(page, first)
    desk.evaluate(
        """(address) => new Promise((opened) => {
            const socket = new WebSocket(address);
            socket.onopen = opened;
            window.ended = new Promise((ended) => { socket.onclose = (e) => ended(e.code) });
        })""",
        estate.address(first).replace("http", "ws") + "/websockets",
    )
    alice = User.objects.get(email="alice@example.org")
    assert DesktopSession.objects.filter(user=alice, revoked_at=None).count() == 1
    page.goto(f"{estate.portal}/accounts/logout/")
    page.locator("main form button").first.click()
    begun = time.monotonic()
    assert desk.evaluate("window.ended") == 4401
    assert time.monotonic() - begun < 5
    # Our page around it says so, and the way back in is the portal's door.
    closed = desk.page.get_by_role("alertdialog")
    expect(closed).to_contain_text("You are not let in here any more", timeout=8000)
    desk.page.goto(estate.address(first) + "/")
    assert desk.page.url.startswith(f"{estate.portal}/accounts/login/")


def test_a_stranger_finds_nothing(
    estate: Estate, chromium: Any, charlie: User, first: Desktop
) -> None:
    context = browsing.person(chromium)
    page = estate.log_in(context, "charlie")
    answer = page.goto(estate.address(first) + "/")
    assert answer is not None and answer.status == 404
    assert page.url == f"{estate.portal}/desktops/{first.id}/"
    assert not estate.heard_by(first)
    eventually(lambda: not estate.world.gateway.live.open, what="nothing stays open")


FRAME = """(address) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
        try { done(frame.contentDocument.body.innerText) } catch (error) { done("blocked") }
    };
    frame.src = address;
    document.body.append(frame);
    setTimeout(() => done("blocked"), 3000);
})"""

WINDOW = """async (address) => {
    const other = window.open(address);
    await new Promise((done) => setTimeout(done, 1500));
    try { return other && other.document && other.document.body.innerText ? "yes" : "no" }
    catch (error) { return "no" }
}"""

FORM = """(address) => {
    const form = document.createElement("form");
    form.method = "post"; form.action = address; form.target = "_blank";
    document.body.append(form);
    form.submit();
}"""

SOCKET = """(address) => new Promise((done) => {
    const socket = new WebSocket(address);
    socket.onopen = () => done("open");
    socket.onclose = () => done("closed");
})"""
