"""An app's jar that is too full: what fits, what is refused and by whom, and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict
from playwright.sync_api import Browser, Page, expect

from portal.access.gateway import connection, headers, jar
from tests import browsing
from tests.portal.access.world import World
from tests.running import eventually

FRAMED = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]
WHOLE = [*FRAMED[:2], ("Sec-Fetch-Dest", "document")]
needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


def full(kib: int) -> str:
    """A jar of this size, in cookies as browsers keep them, ours somewhere within."""
    theirs = [f"c{number}={'x' * 1016}" for number in range(kib)]
    return "; ".join([*theirs[: kib // 2], "__Host-desk=inside", *theirs[kib // 2 :]])


@pytest.fixture(autouse=True)
def inside(world: World) -> None:
    world.let_in("inside", world.app)


# --- By itself ----------------------------------------------------------------------------------


def test_every_jar_is_read_and_32_kib_are_passed_on(world: World) -> None:
    assert world.ask(desk=world.app, cookie=full(33)).status == 200
    (heard,) = world.desktop.heard[0].get("Cookie")
    assert len(heard) > 32 * 1024 and "inside" not in heard
    assert connection.HEAD_MOST > 180 * 4096, "whatever a browser keeps of a site"
    # The desktop's own page has no use for an app's cookies, however many come along.
    desk = full(700).replace("inside", world.session)
    assert world.ask(cookie=desk).status == 200
    assert world.ask("GET", "/__gw/state", cookie=desk).status == 200


@pytest.mark.parametrize("kib", [60, 700])
def test_more_is_refused_by_us_and_removed(world: World, kib: int) -> None:
    reply = world.ask("GET", "/a/b?c", desk=world.app, cookie=full(kib))
    assert (reply.status, reply.text) == (431, "cookies\n")
    assert not world.desktop.heard
    lines = reply.get("Set-Cookie")
    assert all("Max-Age=0" in line and "=;" in line for line in lines)
    removed = {line.partition("=")[0] for line in lines}
    assert len(removed) == min(kib, jar.LINES_MOST) and headers.COOKIE not in removed
    assert sum(map(len, lines)) < 128 * 1024, "browsers read no more than they like"
    for name, value in headers.ours().items():
        assert reply.get(name) == [value]


def test_people_are_told_and_have_a_way_out(world: World) -> None:
    reply = world.ask(desk=world.app, cookie=full(60), more=FRAMED)
    assert reply.status == 431 and "WebUI keeps too many cookies" in reply.text
    assert 'href="/"' in reply.text and 'href="/__gw/forget"' in reply.text
    chinese = [*FRAMED, ("Accept-Language", "zh-CN")]
    assert "Cookie 太多" in world.ask(desk=world.app, cookie=full(60), more=chinese).text


def test_what_the_apps_own_server_does_not_read_is_removed_too(world: World) -> None:
    """It quotes what it refuses, and goes on refusing until somebody empties the jar."""
    world.background.run(world.desktop.stop())
    world.desktop.field_most = 8190
    world.background.run(world.desktop.start(world.stream))
    for more in (FRAMED, []):
        reply = world.ask(desk=world.app, cookie=full(9), more=more)
        assert reply.status == 431 and "xxx" not in reply.text and reply.get("Set-Cookie")

    async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=400, text="the app's own word")

    # What it refuses for its own reasons is its own.
    world.desktop.answer = refuse
    for cookie in ("__Host-desk=inside; a=b", full(7)):
        reply = world.ask(desk=world.app, cookie=cookie)
        assert (reply.status, reply.text) == (400, "the app's own word")


def test_forgetting_is_asked_for_by_a_link_on_a_page_here(world: World) -> None:
    there, person = ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-User", "?1")
    asked = {"desk": world.app, "cookie": full(700)}
    followed = [*WHOLE, there, person]
    reply = world.ask("GET", "/__gw/forget", **asked, more=followed)  # type: ignore[arg-type]
    assert reply.status == 303 and reply.get("Clear-Site-Data") == ['"cookies"']
    page = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    assert reply.get("Location") == [page]
    # No frame of a script's, no window that a script opens, nobody else's link.
    framed = [*FRAMED, there, person]
    for more in (framed, [*WHOLE, there], [*WHOLE, person], [there, person], []):
        assert world.ask("GET", "/__gw/forget", **asked, more=more).status == 404  # type: ignore[arg-type]
    # The stream keeps no cookies that could be too many.
    assert world.ask("GET", "/__gw/forget", more=followed).status == 404
    assert world.ask("POST", "/__gw/forget", **asked, body=b"", more=[there]).status == 404  # type: ignore[arg-type]


def test_removed_is_every_name_but_ours_for_each_domain_and_path() -> None:
    lines = jar.emptied(
        ["a=1; __Host-desk=ours; __Host-b=2; nameless; \udcff=3"],
        host="d-x.desk.example:8",
        raw="/p/q?r",
    )
    assert lines[0] == "a=; Max-Age=0; Path=/; Secure"
    assert "a=; Max-Age=0; Path=/; Domain=desk.example; Secure" in lines
    assert "a=; Max-Age=0; Path=/p/q; Domain=d-x.desk.example; Secure" in lines
    assert "=x; Max-Age=0; Path=/; Secure" in lines, "one without a name"
    assert not any("__Host-desk" in line or "Domain=example;" in line for line in lines)
    assert not any("__Host-b" in line and "Domain" in line for line in lines)
    assert jar.too_full(CIMultiDict({"a": "b" * jar.PASSED_MOST_BYTES}))


# --- In Chromium --------------------------------------------------------------------------------

# With an icon: asking for one would empty the jar before the page is looked at.
APP = '<!doctype html><title>An app</title><link rel="icon" href="data:,"><h1>An app</h1>'


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=APP, content_type="text/html")

    world.desktop.answer = answer
    context = browser.new_context()
    context.set_default_timeout(10_000)
    host = world.host(world.app).split(":")[0]
    cookie: Any = {"name": "__Host-desk", "value": "inside", "domain": host, "path": "/"}
    context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Lax"}])
    page = context.new_page()
    page.goto(world.origin(world.app) + "/deep/page")
    yield page
    context.close()


@pytest.mark.parametrize("count", [9, 100, 170])
@pytest.mark.parametrize("size", [1000, 4000])
def test_a_script_that_fills_the_jar_sees_nothing_and_locks_nobody_out(
    page: Page, world: World, count: int, size: int
) -> None:
    said = page.evaluate(FILL, [count, size, "/"])
    assert "inside" not in said and "__Host-desk" not in said and "xxxx" not in said
    page.goto(world.origin(world.app) + "/deep/page")
    if page.get_by_text("keeps too many cookies").count():
        page.get_by_role("link", name="Open it again").click()
    expect(page.get_by_role("heading", name="An app")).to_be_visible()


def test_odd_cookies_are_removed_as_well(page: Page, world: World) -> None:
    for path in ("/deep", "/deep/", "/deep/page"):
        page.evaluate(FILL, [20, 4000, path])
    page.goto(world.origin(world.app) + "/deep/page")
    page.goto(world.origin(world.app) + "/deep/page")
    expect(page.get_by_role("heading", name="An app")).to_be_visible()


def test_the_last_way_out_takes_everything_along(page: Page, world: World) -> None:
    page.evaluate("""() => {
        for (let number = 0; number < 60; number++)
            document.cookie = `c${number}=${"x".repeat(4000)}; path=/; secure`;
    }""")
    # A browser writes them down in its own time.
    eventually(lambda: len(page.context.cookies()) == 61, what="all of them are kept")
    page.reload()
    page.get_by_role("link", name="remove every cookie here").click()
    page.wait_for_url(f"{world.settings.portal_origin}/desktops/*/")
    assert page.context.cookies(world.origin(world.app)) == []


for _test in (
    test_a_script_that_fills_the_jar_sees_nothing_and_locks_nobody_out,
    test_odd_cookies_are_removed_as_well,
    test_the_last_way_out_takes_everything_along,
):
    for _mark in needs_chromium:
        _mark(_test)

FILL = """async ([count, size, path]) => {
    for (let number = 0; number < count; number++)
        document.cookie = `c${number}=${"x".repeat(size)}; path=${path}; secure`;
    const answers = [];
    for (const method of ["GET", "POST", "PUT"])
        answers.push(await (await fetch("/anything", {method})).text());
    return answers.join("\\n");
}"""
