"""What is not on this installation says so, and says to operators what to run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from images import digest, folders
from images.install import INSTALLED
from images.shelf import Shelf
from portal.catalog import presence
from portal.catalog.models import Setup

RECIPE = """
title = { en = "Forge", zh = "锻" }
summary = { en = "A WebUI.", zh = "一种 WebUI。" }
creator = "Tomo Arai"
version = "1.0"
licence = "MIT"
min_vram_mib = 0
size_mib = 1
cover = "blank.webp"
[install.source]
name = "forge"
tree = "89abcdef0123456789abcdef0123456789abcdef"
"""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "images"
    (folder / "forge").mkdir(parents=True)
    (folder / "forge" / "setup.toml").write_text(RECIPE)
    monkeypatch.setattr(presence, "IMAGES", folder)
    return folder


@pytest.fixture
def shelf(tmp_path: Path, images: Path, settings: Any) -> Path:
    """An installation on one machine, with an empty shelf."""
    platform(settings, driver="local", data=tmp_path, local_setups=None, setups_folder=None)
    return tmp_path / "setups"


def platform(settings: Any, **said: object) -> None:
    settings.ATELIER = SimpleNamespace(**({"kube_image_registry": ""} | said))


def put(shelf: Path, images: Path, slug: str = "forge") -> None:
    """As `./dev setups prepare` leaves it."""
    found = Shelf(shelf, shelf / "models", images=images, more=None)
    place = found._layers(slug)[-1].place
    place.mkdir(parents=True)
    about = f'{{"setup": "{slug}", "version": "1.0", "base": ""}}'
    (place / INSTALLED).write_text(about)


def setup(**said: Any) -> Setup:
    return Setup(**({"slug": "forge", "version": "1.0", "needs_source": "forge"} | said))


def test_a_setup_without_a_foreign_source_is_here(shelf: Path) -> None:
    assert presence.of(setup(slug="studio", needs_source="")).here


def test_a_source_has_to_be_given_once(shelf: Path, images: Path) -> None:
    lacks = presence.of(setup())
    assert (lacks.here, lacks.lacks) == (False, "source")
    assert lacks.command == "./dev setups prepare forge --source FOLDER"
    put(shelf, images)
    assert presence.of(setup()).here


def test_what_extends_it_is_here_with_it(shelf: Path, images: Path) -> None:
    layer = setup(slug="long-lens", extends="forge")
    assert presence.of(layer).command == "./dev setups prepare forge --source FOLDER"
    put(shelf, images)
    assert presence.of(layer).here


def test_extensions_have_to_be_given_too(shelf: Path, images: Path) -> None:
    layer = setup(slug="long-lens", extends="forge", extensions=[{"name": "grain"}])
    wanted = "./dev setups prepare long-lens --source FOLDER --extensions FOLDER"
    assert presence.of(layer).command == wanted
    put(shelf, images)
    assert not presence.of(layer).here, "the WebUI below it is not enough"


def test_an_earlier_version_is_here_while_it_is_prepared(shelf: Path, images: Path) -> None:
    put(shelf, images)
    file = images / "forge" / "setup.toml"
    file.write_text(RECIPE.replace('version = "1.0"', 'version = "1.1"'))
    earlier = setup()
    earlier.superseded = True
    assert presence.of(earlier).here
    gone = setup(version="0.9")
    gone.superseded = True
    assert presence.of(gone) == presence.Presence(False, lacks="version")


def test_one_whose_file_is_wrong_is_here_while_it_is_prepared(shelf: Path, images: Path) -> None:
    row = setup(slug="forge", left_out=True)
    lacks = presence.Presence(False, "./dev setups check forge", "file")
    assert presence.of(row) == lacks
    put(shelf, images)
    row.digest = digest.of("forge", folders.find(images))
    (images / "forge" / "setup.toml").write_text("spoilt = ")
    assert presence.of(row).here
    row.version = "0.9"
    assert presence.of(row) == lacks


def test_a_cluster_needs_an_image_that_somebody_named(settings: Any) -> None:
    platform(settings, driver="kubernetes")
    lacks = presence.of(setup(slug="ink", needs_source=""))
    assert (lacks.here, lacks.lacks, lacks.command) == (False, "image", "./dev images build ink")
    assert presence.of(setup()).command == "./dev images build forge --source FOLDER"
    assert presence.of(setup(image="registry.example.org/ink:1.0")).here
    platform(settings, driver="kubernetes", kube_image_registry="registry.example.org/atelier")
    assert presence.of(setup(slug="ink")).here
    assert presence.image(setup(slug="ink")) == "registry.example.org/atelier/ink:1.0"
