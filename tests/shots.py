"""`./dev shots DIR [PATTERN …]`: every page as a picture; themes, languages, wide and narrow.

On servers of its own with seeded data. Patterns choose pictures by name: `'desktop*-ink-zh-390'`.
What a page writes to the browser's console, and pages wider than the window, are told at the end
and make it fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from tests import browsing, servers
from tests.running import ROOT, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

THEMES = {"paper": "light", "ink": "dark"}
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
WIDTHS = (1440, 390)


@dataclass(frozen=True)
class Shot:
    name: str
    path: str
    who: str = ""
    act: str = ""  # what to do before the picture: a name of ACTS
    first: Callable[[], None] | None = None  # what to do before the page is opened


def pages(desktops: dict[str, Any]) -> list[Shot]:
    from tests import seeds

    starting = desktops["starting"]

    def begin_again() -> None:
        seeds.begin_again(starting)

    visitor = [
        Shot("landing", "/"),
        Shot("setups", "/setups/"),
        Shot("setup", "/setups/blank/"),
        Shot("setup-creator", "/setups/mountain-ink/"),
        Shot("setup-not-here", "/setups/long-lens/"),
        Shot("help", "/help/"),
        Shot("sign-up", "/accounts/signup/"),
        Shot("sign-up-wrong", "/accounts/signup/", act="sign up badly"),
        Shot("sign-up-verify", "/accounts/signup/", act="sign up"),
        Shot("sign-in", "/accounts/login/"),
        Shot("password-reset", "/accounts/password/reset/"),
        Shot("mailbox", "/mailbox/"),
        Shot("api", "/api/docs/"),
        Shot("not-found", "/desktops/ink-studdies/"),
    ]
    person = [
        Shot("desktops-empty", "/desktops/", "newcomer"),
        Shot("desktops", "/desktops/", "alice", first=begin_again),
        Shot("launch", "/desktops/new/", "alice"),
        Shot("launch-creator", "/desktops/new/?setup=mountain-ink", "alice"),
        *(
            Shot(f"desktop-{status}", f"/desktops/{row.id}/", "alice")
            for status, row in desktops.items()
            if status != "starting"
        ),
        Shot("desktop-starting", f"/desktops/{starting.id}/", "alice", first=begin_again),
        Shot("desktop-delete", f"/desktops/{desktops['stopped'].id}/?delete=1", "alice"),
        Shot("menu", "/desktops/", "alice", "open the menu"),
        Shot("team", "/team/", "alice"),
        Shot("team-of-many", "/team/", "bob", "work for the team"),
        Shot("team-invite", "/team/invite/", "bob"),
        Shot("team-new", "/team/new/", "alice"),
        Shot("settings", "/settings/", "alice"),
        Shot("tokens", "/settings/tokens/", "alice"),
        Shot("email", "/accounts/email/", "alice"),
        Shot("password", "/accounts/password/change/", "alice"),
        Shot("second-step", "/accounts/2fa/", "alice"),
        Shot("not-found-inside", "/nowhere/", "alice"),
        Shot("staff", "/staff/", "olga"),
        Shot("setups-staff", "/setups/", "olga"),
        Shot("setup-not-here-staff", "/setups/long-lens/", "olga"),
    ]
    return visitor + person


def _sign_up(page: Page) -> None:
    page.fill("input[type=email]", f"mei{time.monotonic_ns()}@example.org")
    page.fill("input[type=password]", "a good long phrase")
    page.click("main form button.btn-primary")
    page.wait_for_load_state()


def _sign_up_badly(page: Page) -> None:
    page.eval_on_selector("main form", "form => { form.noValidate = true; }")
    page.fill("input[type=email]", "mei@studio")
    page.fill("input[type=password]", "1234")
    page.click("main form button.btn-primary")
    page.wait_for_load_state()


def _open_menu(page: Page) -> None:
    page.locator("header details:visible > summary").first.click()


def _work_for_the_team(page: Page) -> None:
    switch = page.locator("main form[action$='/switch/'] button")
    if switch.count():
        switch.first.click()
        page.wait_for_load_state()
        page.goto(urljoin(page.url, "/team/"))


ACTS = {
    "work for the team": _work_for_the_team,
    "sign up": _sign_up,
    "sign up badly": _sign_up_badly,
    "open the menu": _open_menu,
}


# Fonts and pictures are there; those below the fold too.
SETTLED = """async () => {
  await document.fonts.ready;
  document.querySelectorAll("img[loading=lazy]").forEach((image) => { image.loading = "eager"; });
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""


def main(words: list[str]) -> int:
    if not words:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    folder = Path(words[0])
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    servers.environment()
    os.environ |= {"ATELIER_PORT": str(port), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    # Playwright keeps an event loop in this thread; nobody else is in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    servers.start()
    try:
        shots = pages(_seed())
        web = _serve(port)
        try:
            complaints = _walk(f"http://localhost:{port}", shots, folder, words[1:] or ["*"])
        finally:
            web.terminate()
            web.wait(10)
    finally:
        servers.stop()
    for complaint in complaints:
        sys.stdout.write(f"  {complaint}\n")
    sys.stdout.write(f"{len(shots)} pages, {len(complaints)} complaints, in {folder}\n")
    return 1 if complaints else 0


def _seed() -> dict[str, Any]:
    _create_database()
    import django

    django.setup()
    from django.core.management import call_command

    from tests import seeds

    call_command("migrate", verbosity=0)
    call_command("load_catalog", verbosity=0)
    return seeds.everything()


def _create_database() -> None:
    import psycopg

    host = os.environ["DATABASE_URL"].partition("host=")[2]
    with psycopg.connect(host=host, user="atelier", dbname="postgres", autocommit=True) as one:
        if not one.execute("SELECT 1 FROM pg_database WHERE datname = 'atelier'").fetchone():
            one.execute("CREATE DATABASE atelier")


def _serve(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uvicorn", "portal.asgi:application", "--port", str(port)]
    quiet = ["--log-level", "warning", "--lifespan", "off", "--ws", "none"]
    web = subprocess.Popen([*command, *quiet], cwd=ROOT, env=dict(os.environ))
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=5).close()
            return web
        except OSError:
            if web.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _walk(base: str, shots: list[Shot], folder: Path, patterns: list[str]) -> list[str]:
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsing.CHROMIUM, args=browsing.FLAGS
        )
        for who in sorted({shot.who for shot in shots}):
            state = _signed_in(browser, base, who) if who else None
            for name, context in _contexts(browser, state):
                for shot in (shot for shot in shots if shot.who == who):
                    picture = f"{shot.name}-{name}"
                    if any(fnmatch(picture, pattern) for pattern in patterns):
                        complaints += _take(context, base, shot, folder / f"{picture}.png")
                context.close()
        browser.close()
    return complaints


def _signed_in(browser: Browser, base: str, who: str) -> Any:
    from tests.seeds import PASSWORD

    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", f"{who}@example.org")
    page.fill("input[type=password]", PASSWORD)
    page.click("main form button.btn-primary")
    page.wait_for_url(f"{base}/desktops/**")
    cookies = [cookie for cookie in context.cookies() if "language" not in cookie["name"]]
    context.close()
    return {"cookies": cookies, "origins": []}


def _contexts(browser: Browser, state: Any) -> Iterator[tuple[str, BrowserContext]]:
    for theme, scheme in THEMES.items():
        for language, locale in LANGUAGES.items():
            for width in WIDTHS:
                context = browser.new_context(
                    viewport={"width": width, "height": 900},
                    color_scheme=scheme,  # type: ignore[arg-type]
                    locale=locale,
                    storage_state=state,
                    reduced_motion="reduce",
                    has_touch=width < 600,
                )
                yield f"{theme}-{language}-{width}", context


def _take(context: BrowserContext, base: str, shot: Shot, path: Path) -> list[str]:
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    if shot.first:
        shot.first()
    answer = page.goto(base + shot.path)
    if shot.act:
        ACTS[shot.act](page)
    page.evaluate(SETTLED)
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.screenshot(path=path, full_page=True)
    page.close()
    expected = "not-found" in shot.name
    problems = [line for line in said if not (expected and "404" in line)]
    if answer and answer.status >= 400 and not expected:
        problems.append(f"answered {answer.status}")
    if too_wide > 0:
        problems.append(f"{too_wide} px wider than the window")
    return [f"{path.stem}: {problem}" for problem in problems]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
