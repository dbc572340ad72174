"""The bar in a real Chromium, over a pretended desktop and beside a pretended portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Frame, Page, expect

from tests import browsing
from tests.portal.access.world import World
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def open_bar(browser: Browser, world: World) -> Iterator[Open]:
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


def inside(page: Page) -> Frame:
    return browsing.inside(page)


def tell(world: World, page: Page, **changes: Any) -> None:
    """The portal says something else from now on, and the bar's next look sees it."""
    world.portal.state |= changes
    world.gateway.portal.states.clear()
    with page.expect_response("**/__gw/state"):
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


# --- It comes and goes --------------------------------------------------------------------------


def test_it_slides_away_and_comes_back_at_the_edge(open_bar: Open) -> None:
    page = open_bar()
    bar, handle = page.locator("#bar"), page.locator("#handle")
    assert bar.bounding_box()["height"] == 46 and bar.bounding_box()["y"] == 0  # type: ignore[index]
    expect(handle).to_be_hidden()
    page.mouse.move(720, 20)
    page.mouse.move(700, 500)
    page.clock.run_for(2000)
    assert not away(page)
    page.clock.run_for(2000)
    assert away(page)
    expect(handle).to_be_visible()
    assert handle.get_attribute("aria-label") == "Show the bar"
    page.mouse.move(900, 300)
    page.mouse.move(900, 0)
    eventually(lambda: not away(page), what="the edge brings it")
    # It stays for as long as the pointer is on it.
    page.mouse.move(720, 20)
    page.clock.run_for(9000)
    assert not away(page)
    page.mouse.move(720, 500)
    page.clock.run_for(6200)
    assert away(page)
    handle.click()
    assert not away(page)
    page.get_by_role("button", name="Hide the bar").click()
    assert away(page)


def test_what_slid_away_is_out_of_the_keyboards_way(open_bar: Open) -> None:
    page = open_bar()
    page.clock.run_for(6200)
    assert away(page)
    for _time in range(4):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.activeElement.closest('#bar')")


def test_without_motion_it_does_not_slide(open_bar: Open) -> None:
    page = open_bar(reduced_motion="reduce")
    assert page.locator("#bar").evaluate("bar => getComputedStyle(bar).transitionDuration") == "0s"


# --- Keys ---------------------------------------------------------------------------------------


def test_the_keys_belong_to_the_desktop_until_the_bar_is_called(open_bar: Open) -> None:
    page = open_bar()
    eventually(lambda: focused(page) == "stream", what="the desktop has the keys")
    page.clock.run_for(6200)
    page.keyboard.press("a")
    assert inside(page).evaluate("keys") == ["a"]
    for key in ("Control", "Alt", "Shift"):
        page.keyboard.down(key)
    eventually(lambda: focused(page) == "Clipboard", what="the bar has them")
    assert not away(page)
    for key in ("Shift", "Alt", "Control"):
        page.keyboard.up(key)
    page.keyboard.press("ArrowRight")
    assert focused(page) == "Files"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Files")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Files", "back where it was opened"
    page.keyboard.press("Escape")
    assert focused(page) == "stream"
    page.keyboard.press("b")
    assert inside(page).evaluate("keys.at(-1)") == "b"


def test_tab_stays_within_what_is_open(open_bar: Open) -> None:
    page = open_bar()
    page.get_by_role("button", name="Stop", exact=True).click()
    for _time in range(5):
        assert page.evaluate("Boolean(document.activeElement.closest('#panel-stop'))")
        page.keyboard.press("Tab")
    # Work on the desktop closes it.
    page.mouse.click(300, 700)
    expect(page.get_by_role("dialog")).to_have_count(0)


# --- What it says -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_says_what_is_real(open_bar: Open, world: World, language: str) -> None:
    world.portal.state |= {"language": language, "since": soon(minutes=-17, seconds=-5)}
    page = open_bar()
    bar = page.locator("#bar")
    english = language == "en"
    for word in (
        ["Rain", "Running 17 min", "Clipboard", "Files", "Full screen", "Balanced", "Stop",
         "Preview: not charged"]
        if english
        else ["Rain", "运行中 17 分", "剪贴板", "文件", "全屏", "均衡", "停止", "预览：不计费"]
    ):  # fmt: skip
        expect(bar).to_contain_text(word)
    # Nothing stops by itself, so nothing is said of it, and nothing can be extended.
    expect(page.get_by_text("Stops in" if english else "停机倒计时")).to_be_hidden()
    expect(page.get_by_role("button", name="Extend" if english else "延长")).to_have_count(0)
    link = page.get_by_role("link", name="To Atelier" if english else "返回 Atelier")
    portal = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    assert link.get_attribute("href") == portal


def test_it_shows_money_and_the_countdown_once_they_exist(open_bar: Open, world: World) -> None:
    page = open_bar()
    world.portal.state["may"] = {"stop": True, "extend": True}
    idle = {"stops_at": soon(minutes=28)}
    tell(world, page, idle=idle, cost={"so_far": "¥4.22", "hour": "¥1.98"})
    expect(page.locator("#bar .cost")).to_have_text("¥4.22 ¥1.98/h")
    expect(page.locator("#bar .idle")).to_contain_text("Stops in 2")
    expect(page.locator("#bar .idle.hurries")).to_have_count(0)
    tell(world, page, idle={"stops_at": soon(minutes=4)})
    expect(page.locator("#bar .idle.hurries")).to_be_visible()
    bring(page)
    page.get_by_role("button", name="Extend").click()
    eventually(lambda: world.portal.acted == ["extend"], what="it is extended")
    expect(page.locator("#bar .idle.hurries")).to_have_count(0)
    tell(world, page, may={"stop": False, "extend": False})
    for name in ("Extend", "Stop"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)


def test_the_idle_question_keeps_one_working(open_bar: Open, world: World) -> None:
    page = open_bar()
    until = soon(minutes=4, seconds=32)
    asked = {"key": "idle", "text": "No keys or mouse since 20:55.", "until": until}
    tell(world, page, idle={"stops_at": until}, notices=[asked])
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("This desktop stops in 4:")
    expect(dialog).to_contain_text("No keys or mouse since 20:55.")
    assert focused(page) == "I am still here" and not away(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    page.keyboard.press("Enter")
    eventually(lambda: world.portal.acted == ["extend"], what="it goes on")
    expect(dialog).to_be_hidden()
    assert focused(page) == "stream"


def test_a_notice_stays_until_it_is_closed_or_over(open_bar: Open, world: World) -> None:
    page = open_bar()
    low = {"key": "balance_low", "text": "<b>Your balance lasts 2 h.</b>", "until": None}
    tell(world, page, notices=[low])
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("<b>Your balance lasts 2 h.</b>")
    page.clock.run_for(20_000)
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Close").click()
    tell(world, page)
    expect(notice).to_have_count(0)
    tell(world, page, notices=[])
    tell(world, page, notices=[low])
    expect(notice).to_be_visible()
    tell(world, page, notices=[])
    expect(notice).to_have_count(0)


# --- What it does -------------------------------------------------------------------------------


def test_stop_asks_first_and_then_says_what_becomes_of_it(open_bar: Open, world: World) -> None:
    page = open_bar()
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog", name="Stop this desktop?")
    expect(dialog).to_contain_text("Your files stay on the disk.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert not world.portal.acted
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog.get_by_role("button", name="Stop").click()
    veil = page.get_by_role("alertdialog")
    expect(veil).to_contain_text("Rain is stopping")
    assert world.portal.acted == ["stop"]
    expect(page.locator("#stream")).to_have_count(0)
    tell(world, page, status="stopped")
    expect(veil).to_contain_text("Rain is stopped")
    back = veil.get_by_role("link", name="To the desktop's page")
    portal = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    assert back.get_attribute("href") == portal


def test_a_stop_that_is_refused_is_said_so(open_bar: Open, world: World) -> None:
    page = open_bar()
    world.portal.refuses = 409
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog", name="Stop this desktop?")
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog).to_contain_text("It was not stopped.")
    expect(page.locator("#stream")).to_have_count(1)


def test_clipboard_and_quality_go_to_the_streamer(open_bar: Open) -> None:
    page = open_bar()
    page.get_by_role("button", name="Clipboard").click()
    field = page.get_by_label("Text on the desktop's clipboard")
    field.fill("墨 & ink")
    page.get_by_role("button", name="Send to the desktop").click()
    sent = {"type": "clipboardUpdateFromUI", "text": "墨 & ink"}
    eventually(lambda: sent in inside(page).evaluate("said"), what="it is sent")
    expect(page.get_by_text("It is on the desktop's clipboard.")).to_be_visible()
    inside(page).evaluate("postMessage({type: 'clipboardContentUpdate', text: '<i>copied</i>'})")
    expect(field).to_have_value("<i>copied</i>")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Picture quality").click()
    page.get_by_role("radio", name="Sharp").check()
    expect(page.get_by_role("button", name="Picture quality: Sharp")).to_be_visible()
    eventually(
        lambda: [one for one in inside(page).evaluate("said") if one["type"] == "settings"],
        what="it is told",
    )
    page.reload()
    expect(page.get_by_role("button", name="Picture quality: Sharp")).to_be_visible()


def test_files_are_listed_fetched_and_put_there(open_bar: Open, world: World) -> None:
    page = open_bar()
    page.get_by_role("button", name="Files").click()
    panel = page.get_by_role("dialog", name="Files")
    rows = panel.locator("#files li")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_have_text("Outputs")
    expect(rows.nth(1)).to_contain_text("2.3 MB")
    expect(rows.nth(2)).to_contain_text("<img src=x onerror=alert(1)>")
    link = panel.get_by_role("link", name="a b.png")
    assert link.get_attribute("href") == "/api/files/a%20b.png"
    rows.nth(0).get_by_role("button").click()
    expect(panel.get_by_text("Outputs", exact=True).first).to_be_visible()
    eventually(
        lambda: world.desktop.heard[-1].path == "/api/files/Outputs/", what="it looks there"
    )
    chosen = [{"name": "a b.png", "mimeType": "image/png", "buffer": b"picture"}]
    panel.locator("input[type=file]").set_input_files(chosen)  # type: ignore[arg-type]
    expect(page.get_by_role("status").filter(has_text="is in Files")).to_be_visible()
    (upload,) = [one for one in world.desktop.heard if one.path == "/api/upload"]
    assert upload.body == b"picture"
    assert upload.get("X-Upload-Path") == ["Outputs%2Fa%20b%20(2).png"], "nothing is written over"


def test_full_screen_and_back(open_bar: Open) -> None:
    page = open_bar()
    page.get_by_role("button", name="Full screen", exact=True).click()
    eventually(lambda: page.evaluate("Boolean(document.fullscreenElement)"), what="full screen")
    bring(page)
    page.get_by_role("button", name="Leave full screen").click()
    eventually(lambda: not page.evaluate("document.fullscreenElement"), what="the window again")
    expect(page.get_by_role("button", name="Full screen", exact=True)).to_be_attached()


# --- When it ends, breaks, or is narrow ---------------------------------------------------------


def test_a_broken_connection_is_said_and_tried_again(open_bar: Open, world: World) -> None:
    page = open_bar()
    page.context.set_offline(True)
    veil = page.get_by_role("alertdialog")
    expect(veil).to_contain_text("The picture stopped because your connection broke.")
    expect(veil).to_contain_text("trying again in 5 s")
    page.clock.run_for(2000)
    expect(veil).to_contain_text("trying again in 3 s")
    page.context.set_offline(False)
    expect(veil).to_be_hidden()
    expect(page.locator("#stream")).to_have_count(1)
    # A portal that rests is not a connection that broke.
    world.portal.trouble = "500"
    tell(world, page)
    eventually(lambda: world.portal.asked[-1] == "/internal/state", what="it was asked")
    expect(veil).to_be_hidden()


def test_a_streamer_that_is_away_is_said_within_the_page(open_bar: Open, world: World) -> None:
    page = open_bar()
    world.background.run(world.desktop.stop())
    inside(page).evaluate("location.reload()")
    page.frame_locator("#stream").get_by_text("The desktop does not answer").wait_for()
    link = page.frame_locator("#stream").get_by_role("link")
    assert link.get_attribute("target") == "_top"
    expect(page.locator("#bar [data-show=name]")).to_have_text("Rain")


def test_a_session_that_was_revoked_closes_the_page(open_bar: Open, world: World) -> None:
    page = open_bar()
    world.throw_out()
    tell(world, page)
    veil = page.get_by_role("alertdialog")
    expect(veil).to_contain_text("You are not let in here any more")
    expect(page.locator("#stream")).to_have_count(0)
    asked = len(world.portal.asked)
    page.clock.run_for(60_000)
    assert len(world.portal.asked) == asked, "and asks no more"


def test_on_a_phone_it_is_above_and_below(open_bar: Open) -> None:
    page = open_bar(width=390, height=844, has_touch=True)
    page.clock.run_for(10_000)
    assert not away(page), "it covers nothing there"
    bar, stream, tray = (
        page.locator(name).bounding_box() for name in ("#bar", "#stream", "#tray")
    )
    assert bar and stream and tray
    assert bar["y"] == 0 and bar["width"] == stream["width"] == tray["width"] == 390
    assert stream["y"] == bar["height"] == 46
    assert stream["y"] + stream["height"] == tray["y"]
    assert tray["y"] + tray["height"] == 844
    words = page.locator("#tray > *").all_inner_texts()
    assert words == ["Keys", "Clipboard", "Files", "WebUI", "More"]
    for one in page.locator("#tray > *").all():
        box = one.bounding_box()
        assert box and box["height"] >= 44 and box["width"] >= 44
    page.get_by_role("button", name="Keys").tap()
    assert inside(page).evaluate("document.activeElement.id") == "keyboard-input-assist"
    page.get_by_role("button", name="More").tap()
    more = page.locator("#panel-more")
    for name in ("Full screen", "Picture quality", "Stop"):
        expect(more.get_by_role("button", name=name)).to_be_visible()
    more.get_by_role("button", name="Stop").tap()
    expect(page.get_by_role("dialog", name="Stop this desktop?")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_what_it_offers_is_never_wider_than_its_window(open_bar: Open, world: World) -> None:
    world.portal.state |= {
        "name": "A name that somebody typed until the field was full, and then some more of it",
        "idle": {"stops_at": soon(minutes=28)},
        "cost": {"so_far": "¥1,234.56", "hour": "¥19.80"},
        "may": {"stop": True, "extend": True},
    }
    page = open_bar()
    for width in (1440, 1280, 1100, 900, 760, 721, 720, 390, 320):
        page.set_viewport_size({"width": width, "height": 700})
        out = page.evaluate(
            """() => [...document.querySelectorAll("#bar *, #tray *")].filter((one) => {
                const box = one.getBoundingClientRect();
                return one.checkVisibility() && !one.closest(".unseen, .word") && box.width > 1
                    && (box.left < -0.5 || box.right > innerWidth + 0.5);
            }).map((one) => one.outerHTML.slice(0, 80))"""
        )
        assert out == [], width
        inner, outer = page.locator("#bar").evaluate("bar => [bar.scrollWidth, bar.clientWidth]")
        assert inner <= outer + 1, width
