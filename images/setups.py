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
from images.folders import IMAGES, LeftOut, SetupError
from images.install import Given, InstallFailed, add_given
from images.models import ModelRefused
from images.recipes import RecipeError
from images.shelf import NotHere, Shelf


def shelf() -> Shelf:
    """The one that the local driver uses, by the same settings."""
    data = Path(os.environ.get("ATELIER_DATA") or IMAGES.parent / ".data")
    place = Path(os.environ.get("ATELIER_LOCAL_SETUPS") or data / "setups").resolve()
    return Shelf(place, place / "models", images=IMAGES, more=folders.further())


def listed(here: Shelf) -> None:
    found = folders.look(more=here.more)
    for one in found.left_out:
        print(one, file=sys.stderr)  # noqa: T201
    for slug in found.places:
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
    """Every complaint names the file, the key and the reason; the exit code says if there is one.

    Without names, all that is wrong anywhere is told.
    """
    from images import digest, schema  # needs pydantic, which a bare machine has not

    found = folders.look(more=folders.further())
    checked = schema.check(found.places)
    wrong = [*found.left_out, *checked.left_out]
    for slug in checked.setups:
        try:
            digest.of(slug, found.places)
        except SetupError as error:
            wrong.append(LeftOut(slug, error))
    bad = {one.slug for one in wrong}
    known = [slug for slug in found.places if slug not in bad]
    unknown = [slug for slug in slugs if slug not in bad and slug not in known]
    for slug in unknown:
        print(f"there is no setup {slug!r}; known: {', '.join(known)}", file=sys.stderr)  # noqa: T201
    for slug in known:
        if not slugs or slug in slugs:
            _say(f"{slug:24} {checked.setups[slug].version:10} is in order")
    told = [one for one in wrong if not slugs or one.slug in slugs]
    for one in told:
        print(one.error, file=sys.stderr)  # noqa: T201
    return 1 if told or unknown else 0


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
