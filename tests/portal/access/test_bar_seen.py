"""The bar in a real Chromium: how it comes and goes, its keys, and what it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import browsing
from tests.browsing import inside
from tests.portal.access.window import Open, away, bring, focused, soon, tell
from tests.portal.access.world import World
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


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
    dialog = page.get_by_role("alertdialog")
    tell(world, page, idle={"stops_at": until}, notices=[asked])
    expect(dialog).to_be_hidden()  # nobody is asked what they may not answer
    tell(world, page, may={"stop": True, "extend": True})
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
