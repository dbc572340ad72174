"""Which headers pass, in which direction. Pure.

Towards the stream only what is listed; towards an app (each WebUI has headers of its own) all but
what is listed; back, all but what could act on another origin, on the browser's state, or on the
connection.
"""

from __future__ import annotations

import base64
import re

from multidict import CIMultiDict, CIMultiDictProxy

COOKIE = "__Host-desk"
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

RESERVED_COOKIES = ("__host-", "__secure-", "__http-", "atelier", "sessionid", "csrftoken")
# A token of RFC 9110; anything else, `_` included, is not passed on: some servers fold it to `-`.
NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")
MOST_OUT = 100


def to_upstream(given: Headers, *, host: str, secret: str, app: bool) -> CIMultiDict[str]:
    """What the desktop hears. `host` stays the public one: the stream compares Origin with it."""
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        low = name.lower()
        if app:
            wanted = low not in NEVER_IN and not low.startswith(NEVER_IN_PREFIXES)
        else:
            wanted = low in TO_STREAM
        if wanted and NAME.fullmatch(name):
            passed.add(name, value)
    passed["Host"] = host
    if app:
        cookies = app_cookies(given.getall("Cookie", []))
        if cookies:
            passed["Cookie"] = cookies
    if secret:
        passed["Authorization"] = basic(secret)
    return passed


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
    """Our cookie; empty unless there is exactly one."""
    found = [
        pair.partition("=")[2].strip()
        for line in lines
        for pair in line.split(";")
        if pair.partition("=")[0].strip() == COOKIE
    ]
    return found[0] if len(found) == 1 else ""


def to_browser(
    given: Headers, *, portal_origin: str, desk_origin: str, app: bool
) -> CIMultiDict[str]:
    """What the browser hears."""
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        low = name.lower()
        if low in NEVER_OUT or low.startswith(NEVER_OUT_PREFIXES) or not NAME.fullmatch(name):
            continue
        if low == "location" and not _stays(value, desk_origin):
            continue
        if len(passed) < MOST_OUT:
            passed.add(name, value)
    if app:
        for line in given.getall("Set-Cookie", []):
            tamed = _tame(line)
            if tamed:
                passed.add("Set-Cookie", tamed)
    passed.update(ours(portal_origin))
    # Added, not replaced: where the desktop has a policy of its own, both hold.
    passed.add("Content-Security-Policy", f"frame-ancestors {portal_origin}")
    return passed


def ours(portal_origin: str) -> dict[str, str]:
    """What every answer of this process carries."""
    return {
        "Cache-Control": "no-store, private",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), "
        "clipboard-read=(self), clipboard-write=(self), fullscreen=(self), gamepad=(self)",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


def _stays(location: str, desk_origin: str) -> bool:
    """A redirect within the desktop's own origin."""
    if location.startswith(("//", "/\\", "\\")):
        return False
    if "://" in location or location.split("/", maxsplit=1)[0].partition("?")[0].endswith(":"):
        return location == desk_origin or location.startswith(desk_origin + "/")
    return ":" not in location.split("/", maxsplit=1)[0].partition("?")[0]


def _tame(line: str) -> str:
    """An app's cookie without a Domain, and none with a name of ours."""
    first, *attributes = [part.strip() for part in line.split(";")]
    name = first.partition("=")[0].strip()
    if not name or name.lower().startswith(RESERVED_COOKIES):
        return ""
    kept = [one for one in attributes if not one.lower().startswith("domain")]
    return "; ".join([first, *kept])
