"""Setups on this machine: `./dev setups list`, `prepare NAME`, `remove NAME`, `check [NAME]`.

A launch prepares what it needs by itself; `prepare` does so before anybody waits for it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from images import folders
from images.folders import IMAGES, SetupError
from images.install import Given, InstallFailed, add_given
from images.models import ModelRefused
from images.recipes import RecipeError
from images.shelf import NotHere, Shelf


def shelf() -> Shelf:
    """The one that the local driver uses, by the same settings."""
    data = Path(os.environ.get("ATELIER_DATA", IMAGES.parent / ".data"))
    place = Path(os.environ.get("ATELIER_LOCAL_SETUPS", data / "setups")).resolve()
    return Shelf(place, place / "models", images=IMAGES, more=folders.further())


def listed(here: Shelf) -> None:
    for slug in folders.find(more=here.more):
        try:
            word = "prepared" if here.find(slug) else "not prepared yet"
        except (NotHere, RecipeError) as error:
            word = str(error)
        _say(f"{slug:24} {word}")


def prepare(here: Shelf, slug: str, given: Given) -> None:
    began, told = time.monotonic(), ""

    def tell(what: str, done: int, total: int, unit: str) -> None:
        nonlocal told
        amount = f"{done >> 20} of {total >> 20} MiB" if unit == "bytes" else f"{done} of {total}"
        line = f"  {what}: {amount}"
        if line != told:
            told = line
            _say(line)

    place = here.prepare(slug, tell, given=given)
    _say(
        f"{slug} is prepared in {place.creator or place.setup} ({time.monotonic() - began:.1f} s)"
    )


def check(slugs: list[str]) -> int:
    """Every complaint names the file, the key and the reason."""
    from images import schema  # needs pydantic, which a bare machine has not

    places = folders.find(more=folders.further())
    known = schema.read(places)
    for slug in slugs or list(known):
        if slug not in known:
            _say(f"there is no setup {slug!r}; known: {', '.join(known)}")
            return 1
        _say(f"{slug:24} {known[slug].version:10} is in order")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev setups", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every setup, and whether it is prepared here")
    for verb in ("prepare", "remove"):
        of = verbs.add_parser(verb)
        of.add_argument("name")
        if verb == "prepare":
            add_given(of)
    verbs.add_parser("check").add_argument("names", nargs="*")
    options = parser.parse_args()
    here = shelf()
    try:
        if options.verb == "list":
            listed(here)
        elif options.verb == "prepare":
            prepare(here, options.name, Given(options.source, options.extensions))
        elif options.verb == "remove":
            gone = here.remove(options.name)
            _say("removed: " + (", ".join(gone) or "nothing, it was not prepared"))
        else:
            return check(options.names)
    except (NotHere, RecipeError, InstallFailed, ModelRefused, SetupError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
