"""What a setup.toml may say of how a WebUI from a given source is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.folders import SetupError
from tests.images.words import BASE, SHARED, put, read


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of setups with nothing in it but one with a recipe."""
    put(tmp_path, "base", BASE)
    (tmp_path / "base" / "requirements.txt").write_text("")
    (tmp_path / "base" / "make_practice_model.py").write_text("")
    return tmp_path


BAD_SHARED = [
    ('"{port}"', '"7860"', "launch", "no argument says {port}"),
    ('"{data}"', '"{home}"', "launch.arguments.3", "unknown {home}; known: {port}"),
    ('main = "launch.py"', 'main = "../launch.py"', "launch.main", "pattern"),
    ('main = "launch.py"', 'main = "/usr/bin/env"', "launch.main", "pattern"),
    ('lora = "models/Lora"', 'loras = "models/Lora"', "launch.models.loras", "'lora'"),
    ('lora = "models/Lora"', 'lora = "models/.hidden"', "launch.models.lora", "pattern"),
    ("[launch.models]", "[launch.model]", "launch.model", "unknown key"),
    ('commit = "89ab', 'commit = "89', "install.source.commit", "40 characters"),
    ('commit = "89abcdef0123456789abcdef0123456789abcdef"', "", "install.source", "its commit"),
    ('path = "repositories/blip"\n', "", "install.parts.0.path", "required"),
    ('path = "repositories/blip"', 'path = "a/../b"', "install.parts.0.path", "pattern"),
    ("[install.source]", "[install.sources]", "install.sources", "unknown key"),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), BAD_SHARED)
def test_a_bad_launch_is_refused_with_file_key_and_reason(
    images: Path, tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in SHARED
    own = tmp_path / "own"
    own.mkdir()
    (own / "requirements-forge.txt").write_text("")
    (own / "forge.toml").write_text(SHARED)
    assert read(images, own)["forge"].launch is not None
    (own / "forge.toml").write_text(SHARED.replace(old, new))
    with pytest.raises(SetupError) as refused:
        read(images, own)
    assert (refused.value.file, refused.value.key) == (own / "forge.toml", key)
    assert reason.lower() in refused.value.reason.lower()


def test_what_only_makes_sense_together_is_asked_for(images: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "requirements-forge.txt").write_text("")
    source, launch = SHARED.index("[install.source]"), SHARED.index("[launch]")
    parts = SHARED.index("[[install.parts]]")
    for text, key in [
        (SHARED[:launch], "launch"),
        (SHARED[:source] + SHARED[launch:], "launch"),
        (SHARED[:source] + SHARED[parts:launch], "install.parts"),
        (SHARED.replace(SHARED[SHARED.index("[[apps]]") : SHARED.index("[install]")], ""), "apps"),
    ]:
        (own / "forge.toml").write_text(text)
        with pytest.raises(SetupError) as refused:
            read(images, own)
        assert refused.value.key == key
