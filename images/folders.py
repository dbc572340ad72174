"""Where setups are: every setup.toml, by slug. Standard library only; reads no content.

What cannot be a setup is left out and told; whatever else there is, is there all the same.

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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
SHARED = "webui"  # the one recipe with several setups
SETTING = "ATELIER_SETUPS_FOLDER"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
LONGEST_SLUG = 40


class SetupError(Exception):
    """A setup is wrong: which file, which key, why."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        said = f"{file}: {key}: {reason}" if key else f"{file}: {reason}"
        super().__init__(said.encode(errors="replace").decode())  # names are not always words
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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A setup that is not taken, and why not; `slug` is empty where its name is none."""

    slug: str
    error: SetupError

    def __str__(self) -> str:
        return f"left out: {self.error}"


@dataclass(frozen=True, slots=True)
class Found:
    """Every setup by slug, and what is left out."""

    places: dict[str, Place] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def find(images: Path = IMAGES, more: Path | None = None) -> dict[str, Place]:
    """Every setup, by slug, without those that are left out."""
    return look(images, more).places


def look(images: Path = IMAGES, more: Path | None = None) -> Found:
    """Every setup, and every one that cannot be one or whose name is taken. Never fails."""
    found = Found()
    for place in _places(images, more):
        if isinstance(place, LeftOut):
            found.left_out.append(place)
        elif len(place.slug) > LONGEST_SLUG or not re.fullmatch(SLUG, place.slug):
            what = "file" if place.shares_its_folder else "folder"
            reason = f"the {what}'s name becomes the slug: a-z, 0-9 and single dashes, at most 40"
            found.left_out.append(LeftOut("", SetupError(place.file, "", reason)))
        elif place.slug in found.places:
            # The first stays: nobody may take a name that is somebody else's, least of all ours.
            reason = f"{place.slug!r} is taken by {found.places[place.slug].file}"
            found.left_out.append(LeftOut("", SetupError(place.file, "", reason)))
        else:
            found.places[place.slug] = place
    # What is left out has the name of a setup only where no other has it: an empty folder called
    # like one of ours takes nothing from it.
    found.left_out[:] = [
        LeftOut("" if one.slug in found.places else one.slug, one.error) for one in found.left_out
    ]
    return found


def _places(images: Path, more: Path | None) -> Iterator[Place | LeftOut]:
    for file in sorted(images.glob("*/setup.toml")):
        yield Place(file.parent.name, file, file.parent)
    for file in sorted(images.glob(f"{SHARED}/setups/*.toml")):
        yield Place(file.stem, file, images / SHARED)
    if more is not None:
        try:
            inside = sorted(path for path in more.iterdir() if not path.name.startswith("."))
        except OSError as error:
            yield LeftOut("", SetupError(more, "", f"cannot be read: {error.strerror}"))
            return
        files = [path for path in inside if path.suffix == ".toml" and not _is_folder(path)]
        for folder in inside:
            if folder not in files and (place := _of_a_creator(folder)) is not None:
                yield place
        for file in files:
            yield Place(file.stem, file, images / SHARED)


def _of_a_creator(path: Path) -> Place | LeftOut | None:
    """What lies in a creator's own folder; None for a file that belongs to something else."""
    file = path / "setup.toml"
    try:
        file.lstat()
        return Place(path.name, file, path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        return _left_out(path, f"cannot be looked into: {error.strerror}")
    if not path.exists():
        return _left_out(path, "is a link to something that is not there")
    if _is_folder(path):
        meant = ""
        with suppress(OSError):
            meant = next(filter(_is_meant, sorted(one.name for one in path.iterdir())), "")
        hint = f", but a {meant!r}: is that it? Windows hides how a name ends" if meant else ""
        return _left_out(path, f"there is no setup.toml in it{hint}")
    if _is_meant(path.name, ".toml"):
        return _left_out(path, f"is named {path.name!r}; it has to end in .toml")
    return None


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir()
    return False


def _left_out(path: Path, reason: str) -> LeftOut:
    slug = path.name.partition(".")[0]
    return LeftOut(slug if re.fullmatch(SLUG, slug) else "", SetupError(path, "", reason))


def _is_meant(name: str, end: str = "setup.toml") -> bool:
    """Named almost so: in capitals, or with what Notepad puts behind it."""
    return name.lower().removesuffix(".txt").endswith(end)
