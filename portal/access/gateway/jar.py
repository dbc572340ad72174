"""An app's cookies when they are too many: what is too much, and how they are removed. Pure.

A script of a WebUI may fill its jar until no request fits anywhere. Cookies outlive the tab, so
without this the person would be locked out for good. Removed is what the browser sent, never ours:
the way in stays. A cookie is known by name, domain and path, of which only the name is sent, so
the others are guessed, the likely ones first; what escapes that is removed with everything else,
the way in included, when the person asks for it (`/__gw/forget`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from multidict import CIMultiDict

from portal.access.gateway.headers import COOKIE

# What is passed on at most. Servers differ: some read 64 KiB, some 8 KiB a field.
PASSED_MOST_BYTES = 48 * 1024
# With cookies longer than this an app's own refusal is taken for one of its cookies.
MANY_BYTES = 7 * 1024
# Of one answer: browsers read 256 KiB of headers.
LINES_MOST, LINES_MOST_BYTES = 600, 96 * 1024
PAIRS_MOST = 4096  # looked at; browsers keep 180 cookies a site


def too_long(lines: list[str]) -> bool:
    """Before anything else is done with them."""
    return sum(map(len, lines)) > PASSED_MOST_BYTES


def too_full(passed: CIMultiDict[str]) -> bool:
    return sum(len(name) + len(value) + 4 for name, value in passed.items()) > PASSED_MOST_BYTES


def many(lines: list[str]) -> bool:
    return sum(map(len, lines)) > MANY_BYTES


def emptied(lines: list[str], *, host: str, raw: str) -> list[str]:
    """Set-Cookie lines that remove what `lines` of Cookie name, for the host and path asked."""
    names = dict.fromkeys(_names(lines))
    found: list[str] = []
    length = 0
    for (path, domain), name in product(product(_paths(raw), _domains(host)), names):
        if domain and name.lower().startswith("__host-"):
            continue
        # A cookie without a name needs a value, or the line says nothing.
        line = f"{name}={'' if name else 'x'}; Max-Age=0; Path={path}{domain}; Secure"
        length += len(line)
        if len(found) == LINES_MOST or length > LINES_MOST_BYTES:
            break
        found.append(line)
    return found


def _names(lines: list[str]) -> Iterator[str]:
    for line in lines:
        for pair in line.split(";", PAIRS_MOST)[:PAIRS_MOST]:
            name, equals, _value = pair.strip(" \t").partition("=")
            name = name.strip(" \t") if equals else ""
            if name != COOKIE and name.isascii() and name.isprintable():
                yield name


def _domains(host: str) -> list[str]:
    labels = host.partition(":")[0].split(".")
    parents = [".".join(labels[at:]) for at in range(len(labels) - 1)]
    return ["", *(f"; Domain={one}" for one in parents)]


def _paths(raw: str) -> list[str]:
    """Every path whose cookies come along with this one."""
    paths, before = ["/"], ""
    for part in raw.partition("?")[0].split("/")[1:]:
        before += f"/{part}"
        paths += [before, f"{before}/"]
    return [one for one in dict.fromkeys(paths) if ";" not in one and one != "//"][:9]
