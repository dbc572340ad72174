"""Windows on a pretended desktop with the bar over it, for tests of what is seen there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from playwright.sync_api import Browser, Page, expect

from tests.browsing import inside
from tests.portal.access.world import World

# As the streamer's page does, it listens for keys on its window, and keeps them to itself.
DESKTOP = """<!doctype html><title>A desktop</title><h1>A desktop</h1>
<input id=keyboard-input-assist>
<script>
  window.keys = []; window.said = [];
  addEventListener("keydown", (event) => { keys.push(event.key); event.preventDefault() }, true);
  addEventListener("message", (event) => said.push(event.data));
</script>"""
LIST = """<h1>/api/files/</h1><table id="list"><tbody>
<tr><td><a href="Outputs/">Outputs/</a></td><td>2026-01-01</td><td>-</td></tr>
<tr><td><a href="a%20b.png">a b.png</a></td><td>2026-01-01</td><td>2400.0 KB</td></tr>
<tr><td><a href="x">&lt;img src=x onerror=alert(1)&gt;</a></td><td>-</td><td>1.0 KB</td></tr>
<tr><td><a href=".bashrc">.bashrc</a></td><td>2026-01-01</td><td>1.0 KB</td></tr>
</tbody></table><script>alert(1)</script>"""
Open = Callable[..., Page]


@contextmanager
def windows(browser: Browser, world: World) -> Iterator[Open]:
    """`open_bar(width=…)`: a window on the desktop; whatever it complains of fails the test."""
    contexts, complaints = [], []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        heard = world.desktop.heard[-1]
        if request.path.startswith("/api/files"):
            return web.Response(text=LIST, content_type="text/html")
        if request.path == "/api/upload":
            heard.body = await request.read()
            return web.json_response({"status": "success"})
        return web.Response(text=DESKTOP, content_type="text/html")

    world.desktop.answer = answer

    def complain(text: str) -> None:
        # A fetch that fails is what some of these tests are about.
        if "Failed to load resource" not in text:
            complaints.append(text)

    def open(*, width: int = 1440, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        host = world.host().split(":")[0]
        cookie = {"name": "__Host-desk", "value": world.session, "domain": host, "path": "/"}
        context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Lax"}])  # type: ignore[list-item]
        page = context.new_page()
        page.clock.install()
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("console", lambda said: said.type == "error" and complain(said.text))
        page.goto(world.origin() + "/")
        inside(page).wait_for_selector("h1")
        expect(page.locator("#bar [data-show=cost]")).not_to_be_empty()
        return page

    yield open
    for context in contexts:
        context.close()
    assert not complaints


def tell(world: World, page: Page, **changes: Any) -> None:
    """The portal says something else from now on, and the bar's next look sees it."""
    world.portal.state |= changes
    world.gateway.portal.states.clear()
    with page.expect_response("**/__gw/state?window=*"):
        page.clock.run_for(5100)
    # Asked after it, so what that look brought has been shown by then.
    page.evaluate("fetch('/__gw/state').then((answer) => answer.text())")


def bring(page: Page) -> None:
    if away(page):
        page.locator("#handle").click()


def soon(**length: float) -> str:
    return (datetime.now(UTC) + timedelta(**length)).isoformat()


def away(page: Page) -> bool:
    return bool(page.locator("#bar").evaluate("bar => bar.classList.contains('away')"))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
