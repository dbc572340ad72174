"""Many pages of desktops in one browser: all of them live, and the next page still loads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.accounts.models import User
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests import browsing, tabs
from tests.portal.desktops.conftest import Make, see
from tests.portal.serving import Server
from tests.tabs import Chromium, Tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
    pytest.mark.usefixtures("catalogue"),
]

MANY = 8  # a browser keeps six connections to a site
SLOTS = "navigator.locks.query().then(all => all.held.length)"
STATE = "document.querySelector('[data-part=state]')?.innerText"

NOTES_WHEN_IT_ASKS = """{
  const Real = EventSource;
  EventSource = class extends Real {
    constructor(address) { super(address); window.asked ??= performance.now(); }
  };
  addEventListener("visibilitychange", () => { window.shown ??= performance.now(); }, true);
}"""


@pytest.fixture
def chromium_of_alice(server: Server, alice: User) -> Iterator[Chromium]:
    with tabs.chromium() as chromium:
        chromium.set_cookie(**server.session_of(alice))
        yield chromium


@pytest.fixture
def starting(make: Make, alice: User) -> list[Desktop]:
    """Half of them queued."""
    states = ["queued", "starting"] * (MANY // 2)
    return [make(alice.personal_tenant, one, f"Rain {n}") for n, one in enumerate(states)]


def address(server: Server, desktop: Desktop) -> str:
    return f"{server.url}/desktops/{desktop.id}/"


def opened(chromium: Chromium, url: str, *, window: bool) -> Tab:
    tab = chromium.tab(window=window)
    tab.go(url)
    return tab


def shows(tab: Tab, word: str) -> None:
    tab.until(f"{STATE}?.includes('{word}')")


@pytest.mark.parametrize("windows", [True, False], ids=["windows", "tabs"])
def test_a_page_loads_beside_eight_live_ones(
    chromium_of_alice: Chromium, server: Server, starting: list[Desktop], windows: bool
) -> None:
    pages = [opened(chromium_of_alice, address(server, one), window=windows) for one in starting]
    hidden = [page.ask("document.hidden") for page in pages]
    assert any(hidden) is not windows, "tabs are hidden, windows are not"
    opened(chromium_of_alice, f"{server.url}/help/", window=windows)
    # And every one of them hears what becomes of its own desktop, without being loaded again.
    for page, desktop in zip(pages, starting, strict=True):
        page.ask("window.same = true")
        see(desktop, Observed.READY)
    for page in pages:
        shows(page, "Running")
        assert page.ask("window.same")
    assert pages[0].ask(SLOTS) <= 2


def test_a_page_that_is_looked_at_again_is_up_to_date_at_once(
    chromium_of_alice: Chromium, server: Server, make: Make, alice: User
) -> None:
    desktop = make(alice.personal_tenant, "running")
    page = opened(chromium_of_alice, address(server, desktop), window=False)
    page.until(f"{SLOTS}.then(held => held === 1)")
    other = opened(chromium_of_alice, f"{server.url}/help/", window=False)
    page.until("document.hidden")
    page.until(f"{SLOTS}.then(held => held === 0)")
    see(desktop, Observed.FAILED, cause="image_not_found", detail={})
    assert "Running" in page.ask(STATE)
    page.ask(NOTES_WHEN_IT_ASKS)
    page.bring_to_front()
    page.until(f"!{STATE}.includes('Running')")
    assert page.ask("asked - shown") < 1000  # ms
    assert other.ask("document.hidden")


def test_what_waits_takes_the_place_of_who_went(
    chromium_of_alice: Chromium, server: Server, starting: list[Desktop]
) -> None:
    """The one that was left without a stream has one soon after another page was closed."""
    pages = [opened(chromium_of_alice, address(server, one), window=True) for one in starting[:3]]
    streams = (
        "performance.getEntriesByType('resource').filter(e => /events\\/$/.test(e.name)).length"
    )
    pages[0].until(f"{SLOTS}.then(held => held === 2)")
    waiting = pages[2]
    waiting.until("performance.getEntriesByType('resource').some(e => e.name.endsWith('?once'))")
    assert waiting.ask(streams) == 0
    pages[0].close()
    waiting.until(f"{SLOTS}.then(held => held === 2)")
    shows(waiting, "Queued")
    see(starting[2], Observed.READY)
    shows(waiting, "Running")
