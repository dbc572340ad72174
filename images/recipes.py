"""A setup's recipe: what its setup.toml and the files beside it say is to be done.

Standard library only, since it is also read inside a bare container.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import reading, sources
from images.folders import Place, SetupError

UNFINISHED = "-dev"  # so ends the version of a setup that may still change
# Of a recipe's folder: what is not part of the setup. `setups` is the data of the WebUI recipe.
LEFT_OUT = ("__pycache__", "Containerfile*", "requirements*.in", "setup.toml", "setups", ".*")


class RecipeError(Exception):
    """The folder is no recipe."""


@dataclass(frozen=True)
class Recipe:
    """How a setup is prepared, from its `setup.toml`."""

    folder: Path
    data: Path  # its setup.toml, in that folder or, for the WebUI recipe, beside others
    slug: str
    version: str = ""
    extends: str = ""  # slug of the setup that this one adds to
    requirements: Path | None = None
    steps: tuple[str, ...] = ()
    source: sources.Source | None = None
    parts: tuple[sources.Source, ...] = ()  # of the source, each a tree of its own
    extensions: tuple[sources.Source, ...] = ()
    models: tuple[dict[str, Any], ...] = ()

    @property
    def unfinished(self) -> bool:
        """Somebody is still at work on it, and it may change under its version's name."""
        return self.version.endswith(UNFINISHED)

    @property
    def effortless(self) -> bool:
        """Nothing to do but to copy a few files."""
        work = (self.requirements, self.steps, self.source, self.extensions, self.models)
        return not any(work)


def read(place: Place) -> Recipe:
    """RecipeError. The schema is checked elsewhere; here only what would lead astray."""
    folder, file = place.folder, place.file
    try:
        said = reading.toml(file) if file.exists() else {}
    except (SetupError, OSError) as error:
        raise RecipeError(str(error)) from error
    install = said.get("install", {})
    requirements = None
    if install.get("requirements"):
        requirements = file.parent / install["requirements"]
    for name in (requirements, *(folder / step for step in install.get("steps", ()))):
        if name is not None and not name.is_file():
            raise RecipeError(f"{file}: install: there is no {name.name} beside it")
    return Recipe(
        folder=folder,
        data=file,
        slug=place.slug,
        version=str(said.get("version", "")),
        extends=str(said.get("extends", "")),
        requirements=requirements,
        steps=tuple(install.get("steps", ())),
        source=sources.of(install["source"]) if install.get("source") else None,
        parts=tuple(map(sources.of, install.get("parts", ()))),
        extensions=tuple(map(sources.of, said.get("extensions", ()))),
        models=tuple(said.get("models", ())),
    )


def files(recipe: Recipe) -> list[Path]:
    """Everything that becomes part of the setup, its data first."""
    found = [recipe.data]
    for folder, names, own in os.walk(recipe.folder):
        left_out = shutil.ignore_patterns(*LEFT_OUT)(folder, [*names, *own])
        names[:] = sorted(set(names) - left_out)
        found += [Path(folder, name) for name in sorted(set(own) - left_out)]
    if recipe.requirements is not None and recipe.requirements not in found:
        found.append(recipe.requirements)
    return found


def inside(recipe: Recipe, file: Path) -> Path:
    """Where a file of the recipe lies in the setup."""
    if file.is_relative_to(recipe.folder) and file != recipe.requirements:
        return file.relative_to(recipe.folder)
    return Path(file.name)


def copy(recipe: Recipe, target: Path) -> None:
    """The recipe as one folder, its data as `setup.toml`."""
    for file in files(recipe)[1:]:
        place = target / inside(recipe, file)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
    target.mkdir(parents=True, exist_ok=True)
    if recipe.data.exists():
        # In plain UTF-8, for what reads it inside a desktop.
        (target / "setup.toml").write_text(reading.text(recipe.data), encoding="utf-8")
