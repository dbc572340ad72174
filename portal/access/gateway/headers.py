"""Which headers pass, in which direction. Pure.

Towards the stream only what is listed; towards an app (each WebUI has headers of its own) all but
what is listed; back, all but what could act on another origin, on the browser's state, or on the
connection.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

COOKIE = "__Host-desk"
# A script may put another beside ours, of the kind that is kept apart; with two nobody is let in.
# Said before ours: a browser that knows no such kind removes what it has of ours.
WITHOUT_TWIN = f"{COOKIE}=; Path=/; Secure; HttpOnly; Max-Age=0; Partitioned"
Headers = CIMultiDictProxy[str] | CIMultiDict[str]

HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "http2-settings", "expect",
}  # fmt: skip

TO_STREAM = {
    "accept", "accept-encoding", "accept-language", "cache-control", "content-length",
    "content-type", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "origin", "pragma", "range", "user-agent", "x-upload-path",
    "x-upload-id", "x-upload-offset", "x-upload-final",
}  # fmt: skip

NEVER_IN = HOP_BY_HOP | {
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "x-real-ip",
    "x-csrftoken",
}
NEVER_IN_PREFIXES = ("x-forwarded-", "x-desk-", "x-atelier-", "proxy-", "sec-websocket-")

NEVER_OUT = HOP_BY_HOP | {
    "alt-svc", "clear-site-data", "nel", "report-to", "reporting-endpoints", "refresh",
    "public-key-pins", "server", "service-worker-allowed", "set-cookie", "set-cookie2",
    "strict-transport-security", "www-authenticate", "x-frame-options", "x-powered-by",
    # Ours, below:
    "cache-control", "cross-origin-opener-policy", "cross-origin-resource-policy", "expires",
    "permissions-policy", "pragma", "referrer-policy", "x-content-type-options", "x-robots-tag",
}  # fmt: skip
NEVER_OUT_PREFIXES = ("access-control-", "x-accel-", "proxy-", "x-atelier-", "sec-websocket-")

RESERVED_COOKIES = ("__host-", "__secure-", "__http-")
# A token of RFC 9110; anything else, `_` included, is not passed on: some servers fold it to `-`.
NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")
MOST_OUT = 100
# Spaces are those of a browser: what Python takes for some (U+2003) may begin a name of an app's.
OURS = re.compile(rf"(?:^|;)[ \t]*{COOKIE}[ \t]*=([^;]*)")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,128}")


def to_upstream(
    given: Headers, *, host: str, secret: str, app: bool, scheme: str = ""
) -> CIMultiDict[str]:
    """What the desktop hears. `host` stays the public one: the stream compares Origin with it.

    An app hears the public `scheme` too, from us alone: many write whole addresses into pages.
    """
    passed: CIMultiDict[str] = CIMultiDict()
    of_this_hop = nominated(given)
    for name, value in given.items():
        low = name.lower()
        if low in of_this_hop:
            continue
        if app:
            wanted = low not in NEVER_IN and not low.startswith(NEVER_IN_PREFIXES)
        else:
            wanted = low in TO_STREAM
        if wanted and NAME.fullmatch(name) and _text(value):
            passed.add(name, value)
    passed["Host"] = host
    if app:
        cookies = app_cookies(given.getall("Cookie", []))
        if cookies and _text(cookies):
            passed["Cookie"] = cookies
        if scheme:
            passed["X-Forwarded-Proto"] = scheme
    if secret:
        passed["Authorization"] = basic(secret)
    return passed


def _text(value: str) -> bool:
    """Not bytes that are no UTF-8: the parser marks them, and nothing could send them on."""
    return value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value)


def nominated(given: Headers) -> set[str]:
    """Headers that their sender meant for the next hop alone (RFC 9110 §7.6.1)."""
    named = {
        word.strip().lower() for line in given.getall("Connection", []) for word in line.split(",")
    }
    # Nobody may make us forget these.
    return named - {"host", "content-length", "content-type", "origin", "cookie"}


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"desk:{secret}".encode()).decode()


def app_cookies(lines: list[str]) -> str:
    """The app's own cookies; ours and everything that looks like it stay here."""
    kept = []
    for line in lines:
        for pair in line.split(";"):
            name = pair.partition("=")[0].strip()
            if name and not name.lower().startswith(RESERVED_COOKIES):
                kept.append(pair.strip())
    return "; ".join(kept)


def cookie(lines: list[str]) -> str:
    """Our cookie; empty unless there is exactly one, and it looks like one of ours."""
    found = [value.strip(" \t") for line in lines for value in OURS.findall(line)]
    return found[0] if len(found) == 1 and SECRET.fullmatch(found[0]) else ""


def to_browser(
    given: Headers, *, portal_origin: str, desk_origin: str, app: bool
) -> CIMultiDict[str]:
    """What the browser hears."""
    passed: CIMultiDict[str] = CIMultiDict()
    of_this_hop = nominated(given)
    for name, value in given.items():
        low = name.lower()
        if low in NEVER_OUT or low.startswith(NEVER_OUT_PREFIXES) or not NAME.fullmatch(name):
            continue
        if low in of_this_hop or len(passed) >= MOST_OUT or not _text(value):
            continue
        kept = redirect(value, desk_origin, app=app) if low == "location" else value
        if kept:
            passed.add(name, kept)
    if app:
        for line in given.getall("Set-Cookie", []):
            tamed = _tame(line)
            if tamed and _text(tamed):
                passed.add("Set-Cookie", tamed)
    passed.update(ours())
    # Added, not replaced: where the desktop has a policy of its own, both hold. The stream lies in
    # our own page of the same origin; an app's page lies in nobody's but the portal's.
    framing = portal_origin if app else f"'self' {portal_origin}"
    passed.add("Content-Security-Policy", f"frame-ancestors {framing}")
    return passed


def ours() -> dict[str, str]:
    """What every answer of this process carries."""
    return {
        "Cache-Control": "no-store, private",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), "
        "clipboard-read=(self), clipboard-write=(self), fullscreen=(self), gamepad=(self)",
        "Referrer-Policy": "no-referrer",
        "Server": "Atelier",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


def redirect(location: str, desk_origin: str, *, app: bool) -> str:
    """Where a redirect may lead: within the desktop; from an app also out into the open web.

    WebUIs behind a proxy like to name the address that they listen on; nobody outside can reach
    it, so only its path is kept. Empty: nowhere.
    """
    try:
        parts = urlsplit(location)
        name, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if location.startswith(("//", "/\\", "\\")) or not location.isprintable():
        return ""
    if not parts.scheme and not parts.netloc:
        return location
    if location == desk_origin or location.startswith(desk_origin + "/"):
        return location
    if parts.scheme not in ("http", "https") or not app or not name:
        return ""
    if _is_inside(name):
        return "/" + (parts.path + (f"?{parts.query}" if parts.query else "")).lstrip("/\\")
    return location if parts.scheme == "https" and "@" not in parts.netloc else ""


def _is_inside(name: str) -> bool:
    """An address by number, or a name without a place in the world."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        number = name.rpartition(".")[2].isdigit() or name.startswith("0x")
        return "." not in name or number or name.endswith((".localhost", ".local", ".internal"))
    return True


def _tame(line: str) -> str:
    """An app's cookie without a Domain, and none with a name of ours."""
    first, *attributes = [part.strip() for part in line.split(";")]
    name = first.partition("=")[0].strip()
    if not name or name.lower().startswith(RESERVED_COOKIES):
        return ""
    kept = [one for one in attributes if not one.lower().startswith("domain")]
    return "; ".join([first, *kept])
