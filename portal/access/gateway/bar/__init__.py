"""Our own page around a desktop's stream: a bar at its edge, the stream in a frame.

Everything of it lives under `/__gw/`, on the desktop's own origin, because no cookie of the portal
and no right of the portal's origin may come near a desktop. That has a price, which is paid here
and must be remembered by whoever adds to it:

**The desktop can be the bar.** Whatever a desktop answers is same-origin with this page: a program
inside it can serve a script that reaches into the page around it, presses every button, reads
every answer of `state`, or draws a bar of its own. Origin and Sec-Fetch-Site keep other origins
out (other desktops, this desktop's own apps, the rest of the world); nothing keeps the desktop
out. So nothing may be offered here that a desktop must not do to the person who looks at it:

* `state` tells what that person's page about this very desktop tells: its name, its state, what it
  costs; and who opened it in another window, as their team calls them. Nothing of other desktops,
  of who else is in the team, of the wallet or of the session itself.
* A window's name opens nothing: it is asked about with the session, and tells whether that window
  still has the stream. Another desktop's, or one made up, is just not the one that has.
* `stop` stops this desktop, as its programs can by ending themselves.
* `extend` keeps this desktop from stopping when idle, as its programs can by being busy.
* Both ask for no more than what every role that may open a desktop may do anyway, and the portal
  decides anew each time, as that person, for the launch that the session was opened for.
* It ends with the desktop: no service worker is let in on this origin, so that none can answer in
  our place later, when the desktop is a new one.
* Anything more (sharing, deleting, money, other desktops) is asked on the portal's own pages.

An app (a WebUI) has an origin of its own, and no bar. Its pages come as the app makes them, with
one line of ours at their end (`watch.js`), which lays our panel over them, unseen until there is
something to say: that the desktop was stopped, that the connection broke. Why not the other way
round, the app in a frame within a page of ours? Because a WebUI is used as a page: its address,
its history, printing, links to new windows, downloads, and what it does when it finds itself in a
frame, all would have to be imitated. So the panel is in the frame. What was said above holds there
too: the app can take the panel away or draw another. It informs; it protects nothing, and it is
told less than the bar is, with no verb at all. Without the line there is no panel, and the page is
as the app made it: where the app's own policy allows no script or frame of its own origin, where
its service worker answers with a page of its own, where a page comes packed though nobody asked.

The content policy allows scripts and styles from our own folder alone; it guards against what gets
into this page's text, not against the frame.
"""

from __future__ import annotations

import hashlib
import html
import json
import mimetypes
import re
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from portal.access.gateway import guards, headers

HERE = Path(__file__).resolve().parent
STATIC = HERE.parents[2] / "static"
PREFIX = f"{guards.OURS}/bar"
PANEL = f"{guards.OURS}/panel"
# What the frame asks for: the stream's own page, by an address that is not the bar's.
STREAM = "/?stream"

BAR_PAGE, PANEL_PAGE = "page.html", "panel.html"

Words = dict[str, str]
_ADDRESS = re.compile(rf"{PREFIX}/([0-9a-f]{{16}})/([\w.-]+)")
_SLOT = re.compile(r"\{\{(\w+)(?: ([\w-]+))?\}\}")


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """All that the page loads, by name: its bytes and their type."""
    found = [*HERE.glob("*.js"), *HERE.glob("*.css"), STATIC / "mark.svg"]
    found.append(STATIC / "fonts" / "instrument-sans-latin-standard-normal.woff2")
    return {path.name: (path.read_bytes(), _type(path)) for path in found}


def _type(path: Path) -> str:
    known = {".js": "text/javascript", ".woff2": "font/woff2"}
    return known.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"


@cache
def version() -> str:
    """Part of every address: what a browser has kept is what this process would send."""
    whole = hashlib.sha256()
    for name, (body, _kind) in sorted(files().items()):
        whole.update(name.encode() + b"\0" + body)
    return whole.hexdigest()[:16]


@cache
def words(chinese: bool) -> Words:
    table: dict[str, list[str]] = json.loads((HERE / "words.json").read_text())
    return {key: pair[1 if chinese else 0] for key, pair in table.items()}


@cache
def _page(chinese: bool, name: str) -> str:
    """A page in one language, with slots left for what each desktop fills in."""
    said = words(chinese)
    if name == PANEL_PAGE:
        # The same panel, where no picture stops.
        instead = {key: text for key, text in said.items() if key.startswith("app_")}
        said = said | {key.removeprefix("app_"): text for key, text in instead.items()}

    def fill(found: re.Match[str]) -> str:
        kind, name = found[1], found[2] or ""
        if kind == "t":
            return html.escape(said[name])
        if kind == "icon":
            drawing = (STATIC / "icons" / f"{name}.svg").read_text().strip()
            return drawing.replace("<svg", '<svg class="icon" aria-hidden="true"', 1)
        if kind == "lang":
            return "zh-Hans" if chinese else "en"
        if kind == "base":
            return f"{PREFIX}/{version()}"
        return {"stream": STREAM, "words": _data(said)}.get(kind, found[0])

    return _SLOT.sub(fill, (HERE / name).read_text())


def _data(value: Any) -> str:
    """JSON that may stand inside an element: nothing in it ends that."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def seen_from(window: str, told: dict[str, Any]) -> dict[str, Any]:
    """The portal's state as one window is told it: `elsewhere` while another has the stream.

    `who` then is the other person, or empty where it is the same one. The holder's own name stays
    here. A window without a name (its page is of an earlier version) is told of none.
    """
    holder = told.get("holder")
    other = bool(window and holder and holder["window"] != window)
    kept = {key: value for key, value in told.items() if key != "holder"}
    return kept | {"elsewhere": {"who": holder["who"]} if other and holder else None}


def page(state: dict[str, Any], *, own: str, chinese: bool, portal_page: str) -> web.Response:
    """The bar's page, with the state that is known as it is sent."""
    text = _filled(BAR_PAGE, state, chinese=chinese, portal_page=portal_page)
    return _answer(text, own=own, frames="'self'", framed_by="'none'")


def panel(state: dict[str, Any], *, own: str, chinese: bool, portal_page: str) -> web.Response:
    """The page of the panel over an app's page, in a frame that `watch.js` makes."""
    text = _filled(PANEL_PAGE, state, chinese=chinese, portal_page=portal_page)
    answer = _answer(text, own=own, frames="'none'", framed_by="'self'")
    # For an app that asks this of all that it embeds; everything here is from its own origin.
    answer.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    return answer


def panels_script(own: str) -> bytes:
    """What an app's page ends with: to the parser it is part of the body. A whole address, for the
    page may name another place as its base."""
    return f'<script src="{own}{PREFIX}/{version()}/watch.js" async></script>\n'.encode()


def _filled(name: str, state: dict[str, Any], *, chinese: bool, portal_page: str) -> str:
    filled = {
        "name": html.escape(str(state.get("name", ""))),
        "portal": html.escape(portal_page),
        "state": _data(state),
    }
    return _SLOT.sub(lambda found: filled.get(found[1], found[0]), _page(chinese, name))


def _answer(text: str, *, own: str, frames: str, framed_by: str) -> web.Response:
    answer = web.Response(text=text, content_type="text/html", headers=headers.ours())
    ours = f"{own}{PREFIX}/"
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {ours}; style-src {ours}; font-src {ours}; "
        f"img-src {ours}; connect-src 'self'; frame-src {frames}; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {framed_by}"
    )
    return answer


def file(raw: str) -> web.Response | None:
    """One of our files, the same for everybody; None when there is none of that name.

    Asked for without a session, too: what is in them is in the source, and tells nothing.
    """
    named = _ADDRESS.fullmatch(raw)
    found = files().get(named[2]) if named else None
    if named is None or found is None:
        return None
    answer = web.Response(body=found[0], headers=headers.ours())
    answer.headers["Content-Type"] = found[1] + (
        "; charset=utf-8" if found[1].startswith("text/") else ""
    )
    # While gateways are replaced, one may be asked for what another one's page has named.
    if named[1] == version():
        answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return answer
