"""The digest of a setup: another one for whatever people get, the same for words about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from images import digest, folders
from images.folders import SetupError
from tests.images.test_schema import BASE, LAYER, put

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    put(tmp_path, "base", BASE)
    (tmp_path / "base" / "requirements.txt").write_text("torch==2.13.0\n")
    (tmp_path / "base" / "start").write_text("#!/bin/sh\n")
    put(tmp_path, "long-lens", LAYER)
    (tmp_path / "long-lens" / "style.css").write_text("a {}")
    return tmp_path


def of(images: Path, slug: str = "long-lens") -> str:
    return digest.of(slug, folders.find(images))


def change(images: Path, slug: str, old: str, new: str) -> None:
    file = images / slug / "setup.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Long Lens", "Longer Lens"),
        ("夜晚的街道。", "雨夜的街道。"),
        ('cover = "long-lens.webp"', 'cover = "other.webp"'),
        ('avatar = "petra-novak.webp"\n', ""),
        ("/journal", "/diary"),
        ('cover = "long', 'position = 3\noffered = false\ncover = "long'),
        ("size_bytes = 151_000_000", "size_bytes  =  151000000  # about 150 MB"),
    ],
)
def test_words_about_it_change_nothing(images: Path, old: str, new: str) -> None:
    before = of(images)
    change(images, "long-lens", old, new)
    assert of(images) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "4.1"', 'version = "4.2"'),
        ("steps = 28\nsampler", "steps = 29\nsampler"),
        ('sha256 = "0', 'sha256 = "1'),
        ("a rainy crossing", "a dry crossing"),
        ("min_vram_mib = 14336", "min_vram_mib = 8192"),
        ('licence = "CC-BY-4.0"\nmin', 'licence = "MIT"\nmin'),
    ],
)
def test_what_people_get_changes_it(images: Path, old: str, new: str) -> None:
    before = of(images)
    change(images, "long-lens", old, new)
    assert of(images) != before


def test_every_file_counts_by_name_and_content(images: Path) -> None:
    style = images / "long-lens" / "style.css"
    seen = {of(images)}
    style.write_text("b {}")
    seen.add(of(images))
    style.rename(style.with_name("other.css"))
    seen.add(of(images))
    style.with_name("other.css").unlink()
    seen.add(of(images))
    assert len(seen) == 4


def test_leftovers_and_pictures_do_not_count(images: Path) -> None:
    before = of(images)
    folder = images / "long-lens"
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "start.cpython-311.pyc").write_bytes(b"x")
    (folder / "long-lens.webp").write_bytes(b"RIFF")
    (folder / "petra-novak.webp").write_bytes(b"RIFF")
    assert of(images) == before


def test_what_is_below_is_part_of_it(images: Path) -> None:
    before, base = of(images), of(images, "base")
    change(images, "base", "What others stand on.", "What most stand on.")
    assert (of(images), of(images, "base")) == (before, base)
    (images / "base" / "start").write_text("#!/bin/bash\n")
    assert of(images) != before
    assert of(images, "base") != base


def test_setups_that_share_a_recipe_do_not_change_with_each_other(images: Path) -> None:
    shared = images / "webui" / "setups"
    shared.mkdir(parents=True)
    for name in ("a1111", "forge"):
        (shared / f"{name}.toml").write_text(BASE)
    (images / "webui" / "start").write_text("#!/bin/sh\n")
    before = [of(images, name) for name in ("a1111", "forge")]
    (shared / "forge.toml").write_text(BASE.replace("7860", "7861"))
    after = [of(images, name) for name in ("a1111", "forge")]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    (images / "webui" / "start").write_text("#!/bin/bash\n")
    assert of(images, "a1111") != after[0]


def test_a_base_that_is_not_there_is_named(images: Path) -> None:
    change(images, "long-lens", 'extends = "base"', 'extends = "gone"')
    with pytest.raises(SetupError, match="extends: unknown setup 'gone'"):
        of(images)


def test_it_needs_nothing_but_python() -> None:
    """Builders have no pydantic and no Django: `-S` hides all that is installed."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import images.digest;"
        " sys.exit('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
