"""Where setups are: every setup.toml, by slug. Standard library only; reads no content.

* images/<slug>/setup.toml: a setup with its recipe beside it;
* images/webui/setups/<slug>.toml: one of several setups that share the recipe images/webui;
* <further>/<slug>/setup.toml: creators' own folders, outside the checkout. The folder is named by
  ATELIER_SETUPS_FOLDER;
* <further>/<slug>.toml: another setup that shares the recipe images/webui.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
SHARED = "webui"  # the one recipe with several setups
SETTING = "ATELIER_SETUPS_FOLDER"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
LONGEST_SLUG = 40


class SetupError(Exception):
    """A setup is wrong: which file, which key, why."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file, self.key, self.reason = file, key, reason


@dataclass(frozen=True, slots=True)
class Place:
    """One setup: its file, and the folder with everything else of it."""

    slug: str
    file: Path
    folder: Path

    @property
    def shares_its_folder(self) -> bool:
        return self.file.parent != self.folder


def further() -> Path | None:
    """The folder of creators' own setups that this process was given, if any."""
    given = os.environ.get(SETTING, "")
    return Path(given) if given else None


def find(images: Path = IMAGES, more: Path | None = None) -> dict[str, Place]:
    """Every setup, by slug. SetupError for a name that cannot be one, or that is taken."""
    found: dict[str, Place] = {}
    for place in _places(images, more):
        if len(place.slug) > LONGEST_SLUG or not re.fullmatch(SLUG, place.slug):
            what = "file" if place.shares_its_folder else "folder"
            reason = f"the {what}'s name becomes the slug: a-z, 0-9 and single dashes, at most 40"
            raise SetupError(place.file, "", reason)
        if place.slug in found:
            other = found[place.slug].file
            raise SetupError(place.file, "", f"{place.slug!r} is taken by {other}")
        found[place.slug] = place
    return found


def _places(images: Path, more: Path | None) -> Iterator[Place]:
    for file in sorted(images.glob("*/setup.toml")):
        yield Place(file.parent.name, file, file.parent)
    for file in sorted(images.glob(f"{SHARED}/setups/*.toml")):
        yield Place(file.stem, file, images / SHARED)
    if more is not None:
        for file in sorted(more.glob("*/setup.toml")):
            yield Place(file.parent.name, file, file.parent)
        for file in sorted(more.glob("*.toml")):
            yield Place(file.stem, file, images / SHARED)
