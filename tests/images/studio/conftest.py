"""The studio is a program of its own, which the desktop starts in its own folder: so are these."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.running import ROOT

sys.path.insert(0, str(ROOT / "images" / "studio"))

from studio.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A desktop's folders, with what a session makes of them at the least."""
    made = Places(tmp_path / "home", tmp_path / "setup", tmp_path / "shared", tmp_path / "creator")
    for folder in (made.setup, made.creator, made.outputs):
        folder.mkdir(parents=True)
    for folder in (made.own_models, made.models, made.setup / "models"):
        (folder / "checkpoints").mkdir(parents=True)
    return made
