"""Which models there are to paint with, in folders within folders as well.

Reads names alone, so it is quick and harmless; and no further than anybody sorts their models.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from studio.places import Places

# Formats that can run a program of whoever made them when they are opened.
PICKLES = {".ckpt", ".pt", ".pth", ".bin"}
PRACTICE = "practice"
DEEPEST = 6  # folders below the one for models
MOST = 20_000  # names looked at in each place


@dataclass(frozen=True)
class Model:
    path: Path
    kind: str  # "folder" as diffusers writes them, or "file" (.safetensors)
    own: bool  # on the person's own disk
    name: str  # with the folders that it lies in, as in "SDXL/mist"

    @property
    def practice(self) -> bool:
        return self.name == PRACTICE and not self.own


@dataclass(frozen=True)
class Found:
    models: tuple[Model, ...]
    refused: tuple[Path, ...]  # pickles, never opened

    def named(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)


def find(places: Places) -> Found:
    """The person's own first, then the shared ones, the practice model last."""
    models, refused = [], []
    for folder, own in (
        (places.own_models / "checkpoints", True),
        (places.models / "checkpoints", False),
        (places.setup / "models" / "checkpoints", False),
    ):
        found = sorted(_within(folder), key=lambda path: _order(path, folder))
        for path in found:
            inside = path.relative_to(folder)
            if path.suffix.lower() in PICKLES:
                refused.append(path)
            elif path.is_dir():
                models.append(Model(path, "folder", own, shown(inside)))
            else:
                models.append(Model(path, "file", own, shown(inside.with_suffix(""))))
    return Found(tuple(_once(models)), tuple(refused))


def _within(folder: Path) -> Iterator[Path]:
    """Every model and pickle. A folder that is a model, or named like a pickle, is not entered."""
    seen, looked_at, left = set(), 0, [(folder, 0)]
    while left and looked_at < MOST:
        here, depth = left.pop(0)
        try:
            about = here.stat()
            inside = sorted(islice(os.scandir(here), MOST - looked_at), key=lambda one: one.name)
        except OSError:
            continue
        if (about.st_dev, about.st_ino) in seen:  # a link that leads back
            continue
        seen.add((about.st_dev, about.st_ino))
        looked_at += len(inside)
        for one in inside:
            path = Path(one.path)
            # Hidden ones are on their way in, or what another system noted beside the real file.
            if one.name.startswith("."):
                continue
            if path.suffix.lower() in PICKLES:
                yield path
            elif _is(path, "folder"):
                if _is(path / "model_index.json", "file"):
                    yield path
                elif depth < DEEPEST:
                    left.append((path, depth + 1))
            elif path.suffix.lower() == ".safetensors" and _is(path, "file"):
                yield path


def _is(path: Path, kind: str) -> bool:
    try:
        return path.is_dir() if kind == "folder" else path.is_file()
    except OSError:  # nobody may look there
        return False


def _order(path: Path, folder: Path) -> tuple[list[str], str]:
    """As a file manager shows them, whatever the case; never twice in another order."""
    inside = path.relative_to(folder)
    return [part.lower() for part in inside.parts], str(inside)


def shown(inside: Path) -> str:
    """To be read and chosen by: of a name that is no UTF-8, each such byte as \\xd3."""
    return os.fsencode(inside).decode(errors="backslashreplace")


def _once(models: Iterable[Model]) -> list[Model]:
    """The first of each name: one's own before a shared one that is called the same."""
    found: dict[str, Model] = {}
    for model in models:
        found.setdefault(model.name, model)
    return list(found.values())
