"""`./dev bench launch`: how long people wait on one machine, and what the platform costs idle.

All on one machine and one clock, with a platform of its own:

* accepted → spawned: from the API's 201 (as the caller has it) to the sandbox's init.
* ready → page: from the session's "ready" mark to the word "Running" in an open page.
* click → frame: from the click on Open, in a browser profile that has never seen a desktop, to the
  first animation frame in which the desktop's canvas shows the terminal's dark ground.
* reopen → frame: the same click again, in the same profile.
* idle: all processes of the platform without desktops; CPU over a while, PSS at its end. After a
  second start, as all but the very first are: that one also compiles what it imports, and keeps
  some 50 MiB for it.
* warm up: from calling `./dev up --detach` on kept data to the first answered page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests import browsing
from tests.bench import processes
from tests.bench.figures import last_line, spread, table
from tests.browsing import chromium, person
from tests.desks import Desks
from tests.running import ROOT, Platform, eventually

EMAIL = "bench@example.org"
PASSWORD = "measured-by-lamplight"

# In the page: notes the moment (milliseconds since the epoch) at which the word appears.
WATCH_WORD = """
() => {
  const look = () => {
    const button = document.querySelector("form[action$='/open/'] button");
    if (!button || window.seenRunning) return;
    window.seenRunning = performance.timeOrigin + performance.now();
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
  look();
}
"""
LOADED = "performance.timeOrigin + performance.getEntriesByType('navigation')[0].domInteractive"
# In the desktop's page: notes the first frame in which some canvas has many dark pixels. That is
# in a frame of the page; a watch inside of it would end with the blank page it begins with.
WATCH_FRAME = """
window === top && (() => {
  const copy = new OffscreenCanvas(64, 40);
  const ink = copy.getContext("2d", {willReadFrequently: true});
  const look = () => {
    const shown = window.frames[0]?.document ?? document;
    for (const canvas of shown.querySelectorAll("canvas, video")) {
      try {
        ink.clearRect(0, 0, 64, 40);
        ink.drawImage(canvas, 0, 0, 64, 40);
        const data = ink.getImageData(0, 0, 64, 40).data;
        let dark = 0;
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 3] > 200 && data[i] < 60 && data[i + 1] < 60 && data[i + 2] < 70) dark++;
        if (dark > 300) { window.firstFrame = performance.timeOrigin + performance.now(); return; }
      } catch (error) { /* not drawable yet */ }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench launch")
    parser.add_argument("--launches", type=int, default=8)
    parser.add_argument("--idle-s", type=int, default=30)
    parser.add_argument("--warm-ups", type=int, default=3)
    options = parser.parse_args()
    platform = Platform()
    try:
        platform.up()
        seen = measure(platform, options)
    finally:
        platform.end()
    show(seen, options)


def measure(platform: Platform, options: argparse.Namespace) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {}
    platform.down()
    platform.up()
    say("idle …")
    seen["idle_cpu_percent"], seen["idle_memory_mib"] = idle(platform, options.idle_s)
    desks = Desks.of(platform, EMAIL)
    with chromium() as browser:
        page = log_in(browser, platform)
        for number in range(options.launches):
            say(f"launch {number + 1} of {options.launches} …")
            for name, value in one_launch(browser, page, platform, desks).items():
                seen.setdefault(name, []).append(value)
    seen["warm_up_s"] = []
    for number in range(options.warm_ups):
        say(f"warm up {number + 1} of {options.warm_ups} …")
        platform.down()
        seen["warm_up_s"].append(warm_up(platform))
    return seen


def say(what: str) -> None:
    sys.stderr.write(what + "\n")


# --- One launch ----------------------------------------------------------------------------------


def log_in(browser: Browser, platform: Platform) -> Page:
    set_password(platform)
    page = person(browser).new_page()
    page.goto(f"{platform.url}/accounts/login/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desktops/", wait_until="load")
    page.goto(f"{platform.url}/help/")  # a page that goes nowhere by itself
    return page


def set_password(platform: Platform) -> None:
    code = (
        "from portal.accounts.models import User;"
        f"u = User.objects.get(email={EMAIL!r}); u.set_password({PASSWORD!r}); u.save()"
    )
    platform.manage("shell", "-v", "0", "-c", code)


def one_launch(
    browser: Browser, lobby: Page, platform: Platform, desks: Desks
) -> dict[str, float]:
    id = desks.launch()
    accepted = time.time()
    page = lobby.context.new_page()
    page.goto(f"{platform.url}/desktops/{id}/")
    page.evaluate(WATCH_WORD)
    info = desks.folder(id) / "info.json"
    progress = desks.folder(id) / "run" / "progress.json"
    eventually(lambda: page.evaluate("window.seenRunning || 0"), seconds=60, what="running")
    spawned = written(desks.folder(id), info)
    ready, told = progress.stat().st_mtime, page.evaluate("window.seenRunning") / 1000
    # The page may have been loaded only after it was ready; then there was nothing to hear.
    loaded = page.evaluate(LOADED) / 1000
    result = {"accepted_to_spawned_s": max(0.0, spawned - accepted)}
    if loaded < ready:
        result["ready_to_page_s"] = told - ready
    page.close()
    cookies = lobby.context.storage_state()
    fresh = person(browser, storage_state=cookies)
    fresh.add_init_script(WATCH_FRAME)
    try:
        inner = fresh.new_page()
        inner.goto(f"{platform.url}/desktops/{id}/")
        result["click_to_frame_s"] = click_to_frame(inner)
        result["reopen_to_frame_s"] = click_to_frame(inner)
    finally:
        fresh.close()
    desks.delete(id)
    return result


def written(folder: Path, info: Path) -> float:
    """When the sandbox said who its init is."""
    for path in (info, info / "info.json", folder / "state.json"):
        if path.is_file():
            return path.stat().st_mtime
    raise FileNotFoundError(info)


def click_to_frame(page: Page) -> float:
    button = page.get_by_role("button", name="Open the desktop")
    button.wait_for()
    page.evaluate(
        "() => document.querySelector(\"form[action$='/open/'] button\").addEventListener('click',"
        " () => { window.clicked = performance.timeOrigin + performance.now() }, {capture: true})"
    )
    with page.context.expect_page() as opened:
        button.click()
    desk = opened.value
    frame = eventually(lambda: first_frame(desk), seconds=40, what="the first frame")
    clicked = page.evaluate("window.clicked")
    desk.close()
    return (frame - clicked) / 1000


def first_frame(desk: Page) -> float:
    try:
        return float(desk.evaluate("window.firstFrame || 0"))
    except Exception:  # between the portal's page and the desktop's
        return 0.0


# --- The platform itself -------------------------------------------------------------------------


def idle(platform: Platform, seconds: int) -> tuple[list[float], list[float]]:
    """CPU in per cent of one core, and PSS in MiB, of everything the supervisor started."""
    time.sleep(5)  # not luck: what a start still does in the background is not idleness
    root = platform.pids()["supervisor"]
    before, began = processes.cpu_s(root), time.monotonic()
    time.sleep(seconds)
    used_s = processes.cpu_s(root) - before
    return [100 * used_s / (time.monotonic() - began)], [processes.pss_mib([root])]


def warm_up(platform: Platform) -> float:
    """Through `./dev` itself, as people start it."""
    began = time.monotonic()
    starting = subprocess.Popen(
        [str(ROOT / "dev"), "up", "--detach"],
        env=platform.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            with urllib.request.urlopen(f"{platform.url}/", timeout=5) as answer:
                if answer.status == 200:
                    break
        except OSError:
            pass
        if time.monotonic() - began > 60:
            raise TimeoutError("no page within a minute")
        time.sleep(0.01)
    took = time.monotonic() - began
    starting.wait(60)
    return took


# --- What was seen -------------------------------------------------------------------------------

AIMS = {
    "accepted_to_spawned_s": ("API accepted → process started", "≤ 0.1 s"),
    "ready_to_page_s": ("process ready → page says running", "≤ 0.1 s"),
    "click_to_frame_s": ("click → first frame, new profile", "≤ 2.5 s"),
    "reopen_to_frame_s": ("click → first frame, again", "≤ 1 s"),
    "idle_cpu_percent": ("idle: CPU of one core", "≤ 2.5 %"),
    "idle_memory_mib": ("idle: memory (PSS)", "≤ 330 MiB"),
    "warm_up_s": ("./dev up → first page", "≤ 2 s"),
}


def show(seen: dict[str, list[float]], options: argparse.Namespace) -> None:
    result: dict[str, object] = {}
    rows = [("", "seen", "aim at p50")]
    for key, (name, aim) in AIMS.items():
        values = seen.get(key, [])
        if key.endswith("_to_spawned_s") or key.endswith(("_page_s", "_frame_s")):
            both = spread(values)
            result[key] = both
            text = f"p50 {both['p50']:.3f} s  p95 {both['p95']:.3f} s  of {len(values)}"
        else:
            result[key] = round(statistics.median(values), 2)
            text = f"{result[key]}"
        rows.append((name, text, aim))
    table(rows)
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n{options.launches} launches, load {load:.1f} on {os.cpu_count()} cores\n")
    last_line(result | {"launches": options.launches, "load_1m": round(load, 1)})


if __name__ == "__main__":
    if not browsing.CHROMIUM:
        raise SystemExit("bench launch needs Chromium")
    main()
