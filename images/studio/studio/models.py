"""Which models there are to paint with. Reads names alone, so it is quick and harmless."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.places import Places

# Formats that can run a program of whoever made them when they are opened.
PICKLES = {".ckpt", ".pt", ".pth", ".bin"}
PRACTICE = "practice"


@dataclass(frozen=True)
class Model:
    path: Path
    kind: str  # "folder" as diffusers writes them, or "file" (.safetensors)
    own: bool  # on the person's own disk

    @property
    def name(self) -> str:
        return self.path.stem if self.kind == "file" else self.path.name

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
        for path in _sorted(folder):
            if path.suffix.lower() in PICKLES:
                refused.append(path)
            elif (path / "model_index.json").is_file():
                models.append(Model(path, "folder", own))
            elif path.suffix.lower() == ".safetensors" and path.is_file():
                models.append(Model(path, "file", own))
    return Found(tuple(_once(models)), tuple(refused))


def _sorted(folder: Path) -> list[Path]:
    try:
        # Hidden ones are on their way in, or what another system noted beside the real file.
        shown = (path for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(shown, key=lambda path: path.name.lower())
    except OSError:
        return []


def _once(models: Iterable[Model]) -> list[Model]:
    """The first of each name: one's own before a shared one that is called the same."""
    found: dict[str, Model] = {}
    for model in models:
        found.setdefault(model.name, model)
    return list(found.values())
