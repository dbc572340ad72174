"""What is looked at before anybody is asked: the form of a request, and who sent it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import HttpVersion10, HttpVersion11, web

from portal.access.hosts import Desk

OURS = "/__gw"
READING = {"GET", "HEAD", "OPTIONS"}
METHODS = READING | {"POST", "PUT", "PATCH", "DELETE"}
VERSIONS = {HttpVersion10, HttpVersion11}


@dataclass(frozen=True, slots=True)
class Way:
    """One well-formed request, and whose desktop it names."""

    request: web.BaseRequest
    desk: Desk
    raw: str  # the path and query as they came, not decoded
    own: str  # the desk's origin
    socket: bool

    @property
    def navigates(self) -> bool:
        """A person looks at what we answer, in a window of its own."""
        heard = self.request.headers
        if self.socket:
            return False
        if "Sec-Fetch-Mode" in heard:
            return heard["Sec-Fetch-Mode"] == "navigate"
        return "text/html" in heard.get("Accept", "")

    @property
    def opens(self) -> bool:
        """A window of its own is opened on the desktop itself: it gets our page around it.

        The frame in that page asks for another address, so that where browsers do not say what
        they want it for, no bar stands within a bar.
        """
        heard = self.request.headers
        if self.socket or self.desk.app or self.raw != "/":
            return False
        if self.request.method not in ("GET", "HEAD"):
            return False
        if "Sec-Fetch-Dest" in heard:
            return heard["Sec-Fetch-Dest"] == "document"
        return self.navigates

    @property
    def is_document(self) -> bool:
        """A page for a whole window is asked for, by a browser that says so."""
        dest = self.request.headers.get("Sec-Fetch-Dest")
        return dest == "document" and self.request.method != "HEAD" and not self.socket


def is_looked_at(way: Way) -> bool:
    """Not fetched by a browser ahead of a person who may never come, nor by a look at headers."""
    heard = way.request.headers
    ahead = "prefetch" in heard.get("Sec-Purpose", heard.get("Purpose", "")).lower()
    return way.request.method == "GET" and not ahead


def from_itself(way: Way) -> bool:
    """Nobody else's page may act here with the cookie that the browser holds.

    A page on another port of the same host is another origin, but the cookie goes along.
    """
    heard = way.request.headers
    origin, site = heard.getall("Origin", []), heard.get("Sec-Fetch-Site", "")
    if way.socket:
        return origin == [way.own]
    if way.request.method not in READING:
        # With our referrer policy a form's Origin is `null`; the browser's own word counts more.
        return site == "same-origin" if site else origin in ([], [way.own])
    return site in ("", "same-origin", "none") or heard.get("Sec-Fetch-Mode") == "navigate"


def from_own_page(way: Way) -> bool:
    """For our own verbs: the desk's very origin, said by the browser. No guessing."""
    heard = way.request.headers
    own = heard.getall("Origin", []) == [way.own]
    return own and heard.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def pressed_here(way: Way) -> bool:
    """A person followed a link on a page of this very origin, in a whole window."""
    heard = way.request.headers
    person = heard.get("Sec-Fetch-User") == "?1"
    return heard.get("Sec-Fetch-Site") == "same-origin" and way.is_document and person


def is_ours(raw: str) -> bool:
    path = unquote(raw.partition("?")[0])
    return path == OURS or path.startswith(f"{OURS}/")


def sane(raw: str) -> bool:
    """A path in origin form, of printable ASCII; no absolute form, `*` or CONNECT target."""
    plain = raw.isascii() and raw.isprintable()
    return plain and raw.startswith("/") and not set(raw) & {"\\", "#", " "}
