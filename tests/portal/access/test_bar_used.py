"""The bar in a real Chromium: what it does, how it ends, and how little room it needs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import browsing
from tests.browsing import inside
from tests.portal.access.window import Open, away, bring, soon, tell
from tests.portal.access.world import World
from tests.running import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]


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
