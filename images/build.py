"""Builds the container images of setups: `./dev images build studio`.

Takes buildah, podman or docker. Where no registry of images is at hand, the Debian below it all is
made of packages (mmdebstrap, root). What was built stays in the user's cache folder, so a second
build takes seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from images import digest, folders, install, recipes, sources, tools
from images.folders import Place, SetupError
from images.install import NOTHING, Given
from images.recipes import Recipe, RecipeError
from images.sources import SourceRefused
from images.tools import BuildFailed, Unavailable, cache

__all__ = ["BuildFailed", "Unavailable", "archive", "build", "cache", "name_of", "save"]

ROOT = Path(__file__).resolve().parents[1]
DESKTOP = ROOT / "images" / "desktop"
SPARED_S = 3600.0  # so long another checkout may still read the archive that it has made
LOCAL = "localhost/atelier"


def name_of(setup: str, registry: str = LOCAL) -> str:
    """What the platform calls the image of a setup: <registry>/<setup>:<version>. BuildFailed."""
    return f"{registry}/{setup}:{_recipe(setup)[0].version}"


def build(setup: str, *, name: str = "", fresh: bool = False, given: Given = NOTHING) -> str:
    """Its name, once it lies in our own store. Unavailable, BuildFailed.

    Builds what it stands on as well. `desktop` is the plain desktop below all setups.
    """
    if setup == "desktop":
        with tools.locked():
            return _desktop(fresh=fresh)
    recipe, places = _recipe(setup)
    signature = digest.of(setup, places)
    if recipe.extends:
        base = build(recipe.extends, fresh=fresh, given=given)
    else:
        with tools.locked():
            base = _desktop(fresh=fresh)
    name = name or name_of(setup)
    with tools.locked(), _contexts(recipe, given) as contexts:
        layer = {"PLACE": "/opt/creator", "CREATOR": "/opt/creator"} if recipe.extends else {}
        tools.builder().build(
            ROOT / "images" / "Containerfile.setup",
            context=ROOT,
            tag=name,
            arguments={"BASE": base, "SLUG": setup, **layer, **tools.trust(), **tools.near()},
            labels={
                "org.opencontainers.image.title": setup,
                "org.opencontainers.image.version": recipe.version,
                "dev.atelier.setup": setup,
                "dev.atelier.digest": signature,
            },
            contexts=contexts,
            fresh=fresh,
        )
    return name


def save(name: str, path: Path) -> None:
    """The image as a docker archive, under its name, which `ctr images import` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tools.locked():
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        tools.builder().save(name, draft)
        draft.rename(path)


def archive(setup: str, *, name: str = "") -> Path:
    """Built and saved in the cache folder, unless this very image lies there already."""
    name = build(setup, name=name)
    id = tools.builder().id(name)
    label = hashlib.sha256(name.encode()).hexdigest()[:8]
    path = cache() / f"{setup}-{label}-{id[:16]}.tar"
    if not path.exists():
        for old in cache().glob(f"{setup}-{label}-*.tar"):
            if old.stat().st_mtime < time.time() - SPARED_S:
                old.unlink()
        save(name, path)
    return path


def _recipe(setup: str) -> tuple[Recipe, dict[str, Place]]:
    try:
        places = folders.find(more=folders.further())
        if setup not in places:
            raise BuildFailed(f"there is no setup {setup!r}; known: {', '.join(places)}")
        return recipes.read(places[setup]), places
    except (SetupError, RecipeError) as error:
        raise BuildFailed(str(error)) from error


def _desktop(*, fresh: bool) -> str:
    """The desktop below every setup."""
    name = f"{LOCAL}/desktop:latest"
    tools.builder().build(
        DESKTOP / "Containerfile",
        context=ROOT,
        tag=name,
        arguments={"BASE": _debian(fresh=fresh), **tools.trust()},
        labels={},
        contexts={},
        fresh=fresh,
    )
    return name


def _debian(*, fresh: bool) -> str:
    """A small Debian: the image that ATELIER_DEBIAN names by digest, or one made of packages."""
    named = os.environ.get("ATELIER_DEBIAN", "")
    if named:
        if "@sha256:" not in named:
            raise BuildFailed(f"ATELIER_DEBIAN: {named} has no digest (NAME@sha256:…)")
        return named
    builder = tools.builder()
    if builder.name == "docker":
        return "debian:bookworm-slim"
    recipe = DESKTOP / "base.sh"
    name = f"localhost/atelier-base:{hashlib.sha256(recipe.read_bytes()).hexdigest()[:16]}"
    if not fresh and builder.has(name):
        return name
    tar = cache() / "base.tar"
    try:
        done = tools.run(str(recipe), str(tar))
        tools.must("base.sh", done)
        container = builder.run("from", "scratch").strip()
        try:
            builder.run("add", "--quiet", container, str(tar), "/")
            builder.run("config", "--cmd", "bash", container)
            builder.run("commit", "--quiet", container, name)
        finally:
            tools.run(builder.name, "rm", container)
    finally:
        tar.unlink(missing_ok=True)
    return name


@contextmanager
def _contexts(recipe: Recipe, given: Given) -> Iterator[dict[str, Path]]:
    """What a build sees: the recipe as one folder, and what was given, checked. BuildFailed."""
    with tempfile.TemporaryDirectory(prefix="given-", dir=tools.scratch()) as place:
        folder, brought = Path(place) / "recipe", Path(place) / "given"
        for each in ("source", "extensions"):
            (brought / each).mkdir(parents=True)
        recipes.copy(recipe, folder)
        try:
            if recipe.source is not None:
                sources.place(recipe.source, given.source, brought / "source", recipe.parts)
            sources.place_each(recipe.extensions, given.extensions, brought / "extensions")
        except SourceRefused as error:
            raise BuildFailed(str(error)) from error
        yield {"recipe": folder, "given": brought}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev images build", description=__doc__)
    parser.add_argument("setup", help="a setup, such as studio; or desktop")
    parser.add_argument("--name", default="", help="REGISTRY/SETUP:VERSION of the image")
    install.add_given(parser)
    parser.add_argument("--out", type=Path, help="save it there, for `ctr images import`")
    parser.add_argument("--fresh", action="store_true", help="take nothing from the cache")
    options = parser.parse_args()
    try:
        given = Given(options.source, options.extensions)
        name = build(options.setup, name=options.name, fresh=options.fresh, given=given)
        if options.out:
            save(name, options.out)
    except (Unavailable, BuildFailed) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(name)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
