"""`./dev setups`, as a creator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from images import digest, folders, reading
from images.folders import SETTING
from tests.running import ROOT

RAIN = """extends = "studio"
title = { en = "Rain", zh = "雨" }
summary = { en = "Rain.", zh = "雨。" }
creator = "某人"
version = "0.1-dev"
licence = "CC0-1.0"
min_vram_mib = 0
cover = "blank.webp"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    for slug in ("rain", "snow", "hail"):
        (tmp_path / "own" / slug).mkdir(parents=True)
        (tmp_path / "own" / slug / "setup.toml").write_text(RAIN)
    return tmp_path / "own"


def setups(own: Path, *words: str) -> tuple[int, str, str]:
    env = os.environ | {SETTING: str(own), "ATELIER_DATA": str(own.parent / "data")}
    command = [sys.executable, "-m", "images.setups", *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_file_of_windows_notepad_is_in_order(own: Path) -> None:
    text = f"\ufeff{RAIN}".replace("\n", "\r\n")
    (own / "rain" / "setup.toml").write_bytes(text.encode())
    code, said, wrong = setups(own, "check")
    assert (code, wrong) == (0, "")
    assert "rain" in said


def test_each_that_is_wrong_is_named_with_file_key_and_reason(own: Path) -> None:
    (own / "rain" / "setup.toml").write_text(RAIN.replace("= 0", '= "0"'))
    (own / "snow" / "setup.toml").write_bytes(RAIN.encode("utf-16"))
    (own / "Rainy Days").mkdir()
    (own / "Rainy Days" / "setup.toml").write_text(RAIN)
    code, said, wrong = setups(own, "check")
    assert code == 1
    in_order = [line.split()[0] for line in said.splitlines()]
    assert "hail" in in_order and not {"rain", "snow"} & set(in_order)
    lines = wrong.splitlines()
    assert len(lines) == 3
    for file, reason in (
        ("Rainy Days/setup.toml", "the folder's name becomes the slug"),
        ("rain/setup.toml", "min_vram_mib: Input should be a valid integer"),
        ("snow/setup.toml", "UTF-16"),
    ):
        assert any(f"{own / file}: " in line and reason in line for line in lines), wrong
    assert setups(own, "check", "hail")[::2] == (0, "")
    code, _, wrong = setups(own, "check", "rain")
    assert (code, len(wrong.splitlines())) == (1, 1)
    assert setups(own, "check", "sleet")[0] == 1
    code, said, _ = setups(own, "list")
    assert code == 0 and "hail" in said


def test_a_folder_without_a_setup_takes_nothing_from_one_of_that_name(own: Path) -> None:
    (own / "studio").mkdir()
    (own / "forge.toml.txt").write_text(RAIN)
    found = folders.look(more=own)
    assert {"studio", "forge", "rain"} <= set(found.places)
    assert [one.slug for one in found.left_out] == ["", ""]
    assert len(found.left_out) == 2


def test_what_would_take_hours_to_read_is_refused(own: Path) -> None:
    file = own / "rain" / "setup.toml"
    for deep in (".".join("a" * 2000) + " = 1", "x = {" + "a . " * 2000 + "a = 1}"):
        file.write_text(RAIN + deep)
        with pytest.raises(folders.SetupError, match="nested too deeply"):
            reading.toml(file)
    file.write_text(RAIN + 'said = "a.b.c ' + "word. " * 500 + '"')
    assert "said" in reading.toml(file)


def test_a_folder_of_a_disk_s_size_is_left_out(own: Path) -> None:
    with (own / "rain" / "models.bin").open("wb") as file:
        file.truncate(digest.LARGEST + 1)
    with pytest.raises(folders.SetupError, match="more than 512 MiB"):
        digest.of("rain", folders.find(more=own))
