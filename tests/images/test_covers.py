"""The committed pictures are what the code draws, and no two are alike."""

from __future__ import annotations

import io
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from images import folders
from images.covers.__main__ import AVATARS, COVERS, FOLDER, PICTURES, draw

# Drawing all of the large ones takes a minute; these two use most of the brushes.
DRAWN = (*AVATARS, "invokeai", "kiln")
OURS = list(folders.find().values())


def opened(source: Path | io.BytesIO) -> np.ndarray:
    return np.asarray(Image.open(source).convert("RGB"), np.float32)


@pytest.mark.parametrize("name", DRAWN)
def test_the_committed_picture_is_what_the_code_draws(name: str) -> None:
    kept, drawn = opened(FOLDER / f"{name}.webp"), opened(io.BytesIO(draw(name)))
    assert kept.shape == drawn.shape
    assert float(np.abs(kept - drawn).mean()) < 1.0, f"run python -m images.covers {name}"


def test_every_picture_has_its_code() -> None:
    assert {path.stem for path in FOLDER.glob("*.webp")} == set(PICTURES)


def test_no_two_covers_are_alike() -> None:
    def gist(name: str) -> np.ndarray:
        small = Image.open(FOLDER / f"{name}.webp").convert("RGB").resize((8, 6))
        return np.asarray(small, np.float32)

    seen = {name: gist(name) for name in COVERS}
    close = {
        (one, other): float(np.abs(seen[one] - seen[other]).mean())
        for one, other in combinations(seen, 2)
    }
    assert min(close.values()) > 20, sorted(close.items(), key=lambda pair: pair[1])[:3]


@pytest.mark.parametrize("place", OURS, ids=lambda place: place.slug)
def test_every_setup_has_its_pictures(place: folders.Place) -> None:
    said = tomllib.loads(place.file.read_text())
    for key in ("cover", "avatar"):
        if key in said:
            assert (FOLDER / said[key]).is_file(), f"{place.file}: {key}"


def test_every_creators_setup_has_a_cover_of_its_own() -> None:
    said = [tomllib.loads(place.file.read_text()) for place in OURS]
    covers = [one["cover"] for one in said if "extends" in one]
    assert len(covers) == len(set(covers))
