"""Setups prepared on this machine: what is there, what has to be done, and who is at it.

<shelf>/<slug>-<version>-<8 hex>/   a prepared setup, or the layer that a creator adds to one
<shelf>/env-<16 hex>/               a Python environment that several of them may share
<shelf>/….part                      as far as one has come
<shelf>/.locks/                     held by whoever prepares
<models>/                           the store of shared models

Everything on it is read-only for desktops, which see the whole shelf.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from images import digest, folders, install, recipes, sources
from images.install import INSTALLED, NOTHING, Given
from images.models import Model, Store
from images.recipes import Recipe, RecipeError

# what is being done, how much of it is done, of how much, and its unit
Tell = Callable[[str, int, int, str], None]


class NotHere(Exception):
    """This installation does not have the setup, and cannot prepare it by itself."""


@dataclass(frozen=True)
class Prepared:
    """Where a setup lies; `creator` is the layer on top of it, if it extends another."""

    setup: Path
    creator: Path | None = None


@dataclass(frozen=True)
class Layer:
    """One setup, and where it lies once it is prepared."""

    recipe: Recipe
    shelf: Path
    signature: str

    @property
    def place(self) -> Path:
        name = "-".join(part for part in (self.recipe.slug, self.recipe.version) if part)
        return self.shelf / f"{name}-{self.signature[:8]}"

    @property
    def models(self) -> list[Model]:
        return [Model.of(said) for said in self.recipe.models]

    def drop_other_parts(self) -> None:
        """A recipe that changed while it was being prepared leaves nothing behind."""
        stem = self.place.name.rpartition("-")[0]
        for path in self.shelf.glob(f"{stem}-????????.part"):
            if path.name != f"{self.place.name}.part":
                shutil.rmtree(path, ignore_errors=True)


class Shelf:
    def __init__(self, folder: Path, models: Path, *, images: Path, more: Path | None) -> None:
        self.folder = folder
        self.store = Store(models)
        self.images = images
        self.more = more  # creators' own setups, outside the checkout

    def find(self, slug: str, version: str = "", digest: str = "") -> Prepared | None:
        """Ready to be used; None if something of it is still to be done. NotHere, RecipeError.

        `digest` is that of the version as it was published. What is no longer in the folders as it
        was, or not in order there any more, is had as long as it is still prepared here.
        """
        try:
            layers = self._layers(slug)
        except (NotHere, RecipeError):
            if not version:
                raise
            return self._older(slug, version, digest)
        if version and layers[-1].recipe.version != version:
            return self._older(slug, version)
        settled = version and digest and not any(layer.recipe.unfinished for layer in layers)
        if settled and layers[-1].signature != digest:  # nobody has published that
            return self._older(slug, version, digest)
        if not all((layer.place / INSTALLED).exists() for layer in layers):
            return None
        if not all(self.store.has(model) for layer in layers for model in layer.models):
            return None
        return self._prepared(layers)

    def effortless(self, slug: str) -> bool:
        """Whether preparing takes no longer than copying a few files."""
        return all(
            layer.recipe.effortless or (layer.place / INSTALLED).exists()
            for layer in self._layers(slug)
        )

    def prepare(self, slug: str, tell: Tell, *, given: Given = NOTHING) -> Prepared:
        """Do what is to be done. NotHere, InstallFailed, RecipeError, ModelRefused."""
        layers = self._layers(slug)
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for layer in layers:
            base = layers[0].place.name if layer is not layers[0] else ""
            try:
                with self._locked(layer.recipe):
                    layer.drop_other_parts()
                    install.install(
                        layer.recipe,
                        layer.place,
                        envs=self.folder,
                        given=given,
                        base=base,
                        tell=lambda what, done, total: tell(what, done, total, "parts"),
                    )
            except sources.SourceRefused as error:
                raise NotHere(str(error)) from error
            for model in layer.models:
                self._fetch(model, tell)
        return self._prepared(layers)

    def prepared(self) -> list[str]:
        """Names of all that is whole."""
        if not self.folder.is_dir():
            return []
        return sorted(path.parent.name for path in self.folder.glob(f"*/{INSTALLED}"))

    def remove(self, slug: str) -> list[str]:
        """Take it off the shelf, every version, and environments that nobody uses any longer."""
        gone = [name for name in self.prepared() if self._slug(name) == slug]
        for name in gone:
            shutil.rmtree(self.folder / name)
        used = {path.resolve().name for path in self.folder.glob("*/env")}
        for place in self.folder.glob("env-*"):
            if place.name not in used and not place.name.endswith(".part"):
                shutil.rmtree(place)
                gone.append(place.name)
        return gone

    # --- What belongs to it ---------------------------------------------------------------------

    def _layers(self, slug: str) -> list[Layer]:
        """The setup itself, below it the one that it extends. NotHere, RecipeError."""
        try:
            places = folders.find(self.images, self.more)
            place = places.get(slug)
            if place is None:
                raise NotHere(f"there is no setup {slug!r}")
            below = digest.base(slug, places)
            slugs = [below["slug"], slug] if below else [slug]
            layers = [
                Layer(recipes.read(places[each]), self.folder, digest.of(each, places))
                for each in slugs
            ]
            for layer in layers:
                _ = layer.models  # what it says of them is read when it is asked for
            return layers
        except folders.SetupError as error:
            raise RecipeError(str(error)) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The schema is not asked here, and whatever a file says is found out by using it.
            raise RecipeError(f"{slug}: its file is not in order: {error!r}") from error

    def _prepared(self, layers: list[Layer]) -> Prepared:
        return Prepared(layers[0].place, layers[1].place if len(layers) > 1 else None)

    def _older(self, slug: str, version: str, digest: str = "") -> Prepared:
        """A version that its recipe has left behind, as long as it is still prepared here."""
        mark = digest[:8] or "*"
        for path in sorted(self.folder.glob(f"{slug}-{version}-{mark}/{INSTALLED}")):
            about = json.loads(path.read_text())
            if (about["setup"], about["version"]) != (slug, version):
                continue
            base = self.folder / about["base"] if about["base"] else None
            if base is None:
                return Prepared(path.parent)
            if (base / INSTALLED).exists():
                return Prepared(base, path.parent)
        raise NotHere(f"version {version} of {slug} is not on this machine any longer")

    def _slug(self, name: str) -> str:
        return str(json.loads((self.folder / name / INSTALLED).read_text())["setup"])

    def _fetch(self, model: Model, tell: Tell) -> None:
        with self._locked_as(f"model-{model.sha256}"):
            self.store.fetch(model, lambda done, total: tell(model.file, done, total, "bytes"))

    @contextmanager
    def _locked(self, recipe: Recipe) -> Iterator[None]:
        """Everybody who needs the same environment waits for the first who makes it."""
        with ExitStack() as locks:
            if recipe.requirements is not None:
                name = install.environment_name(recipe.requirements)
                locks.enter_context(self._locked_as(name))
            locks.enter_context(self._locked_as(recipe.slug))
            yield

    @contextmanager
    def _locked_as(self, name: str) -> Iterator[None]:
        place = self.folder / ".locks"
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (place / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it when we die
            yield
