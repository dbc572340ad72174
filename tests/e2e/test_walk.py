"""The whole walk, in a real browser on the real platform, as a newcomer goes it.

Sign up, verify, launch, work in the terminal, read the answer on the screen, download what was
made, stop, start again, find it there. And a second person, for whom none of it exists.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests import browsing
from tests.browsing import TERMINAL, chromium, launch, open_desktop, person, share_of, sign_up
from tests.running import Platform, eventually

pytestmark = [
    pytest.mark.servers,
    pytest.mark.desktop,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]

GREEN, BLUE = (0, 160, 60), (30, 60, 200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def alice(browser: Browser, platform: Platform) -> Iterator[BrowserContext]:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "alice@example.org")
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(alice: BrowserContext) -> Iterator[Page]:
    page = alice.new_page()
    yield page
    page.close()


def ground(colour: tuple[int, int, int]) -> str:
    """A shell command that paints the terminal in one colour."""
    red, green, blue = colour
    return f"printf '\\e[48;2;{red};{green};{blue}m\\e[2J'"


def reads(desk: Page, colour: tuple[int, int, int]) -> None:
    eventually(lambda: share_of(desk, colour, TERMINAL) > 0.8, seconds=20, what=f"{colour}")


def test_a_newcomer_works_in_a_desktop_and_finds_the_files_again(
    page: Page, platform: Platform
) -> None:
    launch(page, platform.url)
    address = page.url
    desk = open_desktop(page)

    # The answer decides the colour, so what is seen was computed in there and painted out here.
    browsing.type_command(
        desk, f"echo $((6*7)) >answer.txt; grep -q 42 answer.txt && {ground(GREEN)}"
    )
    reads(desk, GREEN)

    with desk.expect_download() as download:
        desk.evaluate(
            "() => { const a = document.createElement('a'); a.href = '/api/files/answer.txt';"
            " a.download = ''; document.body.append(a); a.click(); }"
        )
    assert download.value.path().read_text() == "42\n"
    desk.close()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    browsing.until_running(page)
    assert page.url == address

    desk = open_desktop(page)
    browsing.type_command(desk, f"grep -q 42 answer.txt && {ground(BLUE)}")
    reads(desk, BLUE)
    desk.close()


def test_a_stranger_finds_nothing_of_it(browser: Browser, page: Page, platform: Platform) -> None:
    id = launch(page, platform.url)
    desk = open_desktop(page)
    host = desk.url.split("/")[2]
    stranger = person(browser)
    try:
        hers = stranger.new_page()
        sign_up(hers, platform.url, "charlie@example.org")
        for path in (f"desktops/{id}/", f"desktops/{id}/events/"):
            assert hers.request.get(f"{platform.url}/{path}").status == 404
        hers.goto(f"{platform.url}/desktops/")
        status = hers.evaluate(
            "async path => { const form = new FormData(), name = 'csrfmiddlewaretoken';"
            " form.set(name, document.querySelector(`[name=${name}]`).value);"
            " return (await fetch(path, {method: 'POST', body: form})).status }",
            f"/desktops/{id}/open/",
        )
        assert status == 404
        token = platform.token("charlie@example.org")
        for method, path in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "start/"),
            ("POST", "stop/"),
            ("POST", "open/"),
            ("GET", "timeline/"),
        ]:
            body = {"name": "mine now"} if method == "PATCH" else None
            answer = platform.call(method, f"/api/v1/desktops/{id}/{path}", body, token=token)
            assert answer.status == 404, (method, path)
        answer = hers.goto(f"http://{host}/")
        assert hers.url.startswith(platform.url), "the gateway sends her back to the portal"
        assert answer is not None and answer.status == 404
    finally:
        stranger.close()
    desk.close()


def test_an_open_desktop_closes_when_its_person_logs_out(
    browser: Browser, platform: Platform
) -> None:
    context = person(browser)
    page = context.new_page()
    sign_up(page, platform.url, "dora@example.org")
    launch(page, platform.url, plan="files")
    closed: list[object] = []

    def note(gone: object) -> None:
        closed.append(gone)

    with context.expect_page() as opened:
        page.get_by_role("button", name="Open the desktop").click()
    desk = opened.value
    desk.on("websocket", lambda socket: socket.on("close", note))
    browsing.until_painted(desk)
    address = desk.url
    page.goto(f"{platform.url}/accounts/logout/")
    page.locator("main form button").first.click()

    def heard() -> bool:
        page.wait_for_timeout(50)  # lets Playwright hear what happened in the other tab
        return bool(closed)

    eventually(heard, seconds=6, what="the socket closes")
    page.goto(address)
    assert page.url.startswith(platform.url), "nobody is let in there any more"
    context.close()


def test_size_clipboard_and_files_cross_over(page: Page, platform: Platform) -> None:
    launch(page, platform.url, plan="files")
    desk = open_desktop(page)

    # Said before the window changes, so that no key is pressed while everything moves.
    wait = "until xrandr | grep -q 'current 1000 x 700'; do sleep 0.1; done"
    browsing.type_command(desk, f"{wait}; {ground(GREEN)}")
    desk.set_viewport_size({"width": 1000, "height": 700})
    reads(desk, GREEN)

    upload = desk.evaluate(
        "async () => (await fetch('/api/upload', {method: 'POST', body: 'from outside', headers:"
        " {'X-Upload-Path': 'note.txt', 'Content-Type': 'application/octet-stream'}})).status"
    )
    assert upload == 200
    browsing.type_command(desk, f"grep -q outside note.txt && {ground(BLUE)}")
    reads(desk, BLUE)

    origin = desk.evaluate("location.origin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    desk.evaluate("navigator.clipboard.writeText('echo carried >carried.txt')")
    browsing.inside(desk).evaluate("window.dispatchEvent(new Event('focus'))")

    def pasted() -> bool:
        desk.mouse.click(TERMINAL[0] + 200, TERMINAL[1] + 150)
        desk.keyboard.press("Control+Shift+V")
        desk.keyboard.press("Enter")
        return bool(desk.evaluate("fetch('/api/files/carried.txt').then(answer => answer.ok)"))

    eventually(pasted, seconds=20, what="the clipboard")
    desk.close()
