"""What a newcomer does in a WebUI, on whatever the platform runs."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browsing import until_running

PREPARING_S = 600.0  # gigabytes, on a slow line


def launch_and_watch(page: Page, url: str, setup: str, *, plan: str = "aigc-a4000") -> list[str]:
    """Launches, and answers what the page said of its preparation until the desktop ran."""
    page.goto(f"{url}/desktops/new/?plan={plan}&setup={setup}")
    page.locator("[data-order-button]").click()
    page.wait_for_url("**/desktops/*-*-*-*-*/")
    said: list[str] = []
    opened = page.get_by_role("button", name="Open the desktop")
    for _ in range(int(PREPARING_S / 0.25)):
        if opened.is_visible():
            break
        text = page.locator("main").inner_text()
        said += [line for line in text.splitlines() if "only this once" in line]
        page.wait_for_timeout(250)
    until_running(page)
    return list(dict.fromkeys(said))


def open_app(page: Page, title: str) -> tuple[Page, list[str], set[str]]:
    """The app in its own tab; what its console complains about, and every host it asked."""
    complaints: list[str] = []
    hosts: set[str] = set()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name=f"Open {title}").click()
    app = opened.value
    app.on("console", lambda said: _note(complaints, said))
    app.on("request", lambda request: hosts.add(_host(request.url)))
    return app, complaints, hosts


def paint_in_the_studio(app: Page, prompt: str) -> str:
    """The name of the picture's file, as the page says it."""
    app.locator("#prompt textarea").wait_for(timeout=60_000)
    app.locator("#prompt textarea").fill(prompt)
    app.locator("#size input").click()
    app.get_by_role("option", name="Quick try").click()
    app.locator("#paint").click()
    told = app.locator("#told", has_text="Saved as")
    told.wait_for(timeout=120_000)
    app.locator("#result img").first.wait_for()
    return told.inner_text().partition("Saved as ")[2].partition("\n")[0].strip().rstrip(".")


def find_in_the_gallery(page: Page, name: str) -> Page:
    """Pictures and files of a desktop that rests: this one is on the wall, and can be seen."""
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Pictures and files").click()
    files = opened.value
    picture = files.locator(f".wall img[alt='{name}']")
    picture.wait_for(timeout=60_000)
    assert picture.evaluate("image => image.decode().then(() => true)")
    return files


def _note(complaints: list[str], said: object) -> None:
    # A page that waits for its app is answered 503 until that is up: browsers call it an error.
    text = str(getattr(said, "text", ""))
    if getattr(said, "type", "") == "error" and "503" not in text:
        complaints.append(text)


def _host(url: str) -> str:
    return url.split("/")[2] if "://" in url else "here"
