"""Pictures on disk: their names, what they say of themselves, and what cannot be wished."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from studio import pictures
from studio.pictures import Wish

WISH = Wish(
    "a cat by the window",
    negative="blurry, text",
    model="rainy-streets-xl",
    width=768,
    height=512,
    steps=24,
    guidance=6.5,
    seed=4294967295,
)
NOW = datetime(2026, 3, 1, 9, 5, 7)


def a_picture(colour: str = "red") -> Image.Image:
    return Image.new("RGB", (16, 8), colour)


# --- What they say of themselves --------------------------------------------------------------


def test_a_picture_says_how_it_was_made_in_the_words_of_other_webuis() -> None:
    assert pictures.to_text(WISH).splitlines() == [
        "a cat by the window",
        "Negative prompt: blurry, text",
        "Steps: 24, CFG scale: 6.5, Seed: 4294967295, Size: 768x512, Model: rainy-streets-xl",
    ]
    assert "Negative prompt" not in pictures.to_text(replace(WISH, negative=" "))


@pytest.mark.parametrize(
    "wish",
    [
        WISH,
        replace(WISH, negative=""),
        replace(WISH, prompt="a cat\nin two lines", negative="blurry\nand bad"),
        replace(WISH, prompt="Steps: 5 to the door, Size: none"),
        replace(WISH, model='Mine, "v2": C:\\new'),
        replace(WISH, model="水墨 v1.4"),
        replace(WISH, prompt="猫", guidance=7.0, seed=0),
    ],
    ids=lambda wish: f"{wish.prompt}/{wish.model}"[:30],
)
def test_what_it_says_is_read_again(wish: Wish, tmp_path: Path) -> None:
    assert pictures.from_text(pictures.to_text(wish)) == wish
    assert pictures.made_of(pictures.save(a_picture(), wish, tmp_path)) == wish


def test_pictures_of_other_webuis_are_read() -> None:
    said = (
        "a castle, (fog:1.2)\nNegative prompt: people\n"
        "Steps: 30, Sampler: DPM++ 2M, CFG scale: 7, Seed: 12, Size: 640x384, "
        'Model hash: 0a1b2c, Model: old-one, Lora hashes: "ink: 1f, mist: 2e", Version: v1.10.1'
    )
    assert pictures.from_text(said) == Wish(
        "a castle, (fog:1.2)", "people", "old-one", 640, 384, steps=30, guidance=7.0, seed=12
    )


@pytest.mark.parametrize(
    ("said", "prompt", "negative"),
    [
        ("\nNegative prompt: blurry\nSteps: 20", "", "blurry"),
        ("Negative prompt: blurry\nSteps: 20", "", "blurry"),
        ("\n\nNegative prompt: blurry,\nlowres\nSteps: 20", "", "blurry,\nlowres"),
        ("cat\nNegative prompt:\nSteps: 20", "cat", ""),
        ("cat, Negative prompt: none\nSteps: 20", "cat, Negative prompt: none", ""),
        ("Steps: 20", "", ""),
        ("\nSteps: 20\n", "", ""),
    ],
)
def test_an_empty_prompt_stays_empty(said: str, prompt: str, negative: str) -> None:
    found = pictures.from_text(said)
    assert found is not None
    assert (found.prompt, found.negative) == (prompt, negative)


def test_text_is_read_as_others_write_it(tmp_path: Path) -> None:
    """UTF-8 where the standard wants Latin-1, Latin-1 all the same, and behind the pixels."""
    said = "雨夜女孩\nNegative prompt: blurry\nSteps: 20"
    for name, text, prompt in (
        ("utf8", said.encode(), "雨夜女孩"),
        ("latin", "café\nSteps: 20".encode("latin-1"), "café"),
    ):
        about = PngImagePlugin.PngInfo()
        about.add(b"tEXt", b"parameters\0" + text)
        a_picture().save(tmp_path / f"{name}.png", pnginfo=about)
        found = pictures.made_of(tmp_path / f"{name}.png")
        assert found is not None and found.prompt == prompt
    about = PngImagePlugin.PngInfo()
    about.add(b"tEXt", b"parameters\0" + said.encode(), after_idat=True)
    a_picture().save(tmp_path / "behind.png", pnginfo=about)
    found = pictures.made_of(tmp_path / "behind.png")
    assert found is not None and (found.prompt, found.negative) == ("雨夜女孩", "blurry")


@pytest.mark.parametrize("text", ["", "a cat", "a cat\nthree steps: no", "Seed: 1, Size: 8x8"])
def test_other_words_are_no_settings(text: str) -> None:
    assert pictures.from_text(text) is None


def test_what_it_says_badly_is_taken_as_usual() -> None:
    found = pictures.from_text("a cat\nSteps: many, CFG scale: nan, Seed: x, Size: wide")
    assert found == Wish("a cat")
    huge = pictures.from_text(
        "a cat\nSteps: 400, CFG scale: 1e9, Seed: 99999999999, Size: 9000x70"
    )
    assert huge == Wish("a cat", width=2048, height=64, steps=150, guidance=50.0)


def test_what_is_no_picture_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    plain = tmp_path / "plain.png"
    a_picture().save(plain)
    for name in ("empty.png", "text.png", "plain.png", "missing.png"):
        assert pictures.made_of(tmp_path / name) is None


def test_a_picture_too_large_to_open_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pictures.save(a_picture(), WISH, tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    assert pictures.made_of(path) is None


# --- On disk ----------------------------------------------------------------------------------


def test_names_tell_when_and_with_which_seed_and_none_is_taken_twice(tmp_path: Path) -> None:
    folder = tmp_path / "Outputs"
    made = [pictures.save(a_picture(), replace(WISH, seed=7), folder, now=NOW) for _ in range(3)]
    stem = "20260301-090507-7"
    assert [path.name for path in made] == [f"{stem}.png", f"{stem}-1.png", f"{stem}-2.png"]
    assert sorted(folder.iterdir()) == sorted(made), "and nothing else is left there"


def test_one_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_image: Image.Image, path: Path, *_rest: object, **_more: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        pictures.save(a_picture(), WISH, tmp_path, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_newest_come_first_from_all_folders(tmp_path: Path) -> None:
    (tmp_path / "march").mkdir()
    for age, name in enumerate(["new.png", "march/old.png", "oldest.png"]):
        a_picture().save(tmp_path / name)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / ".new.png.new").touch()
    (tmp_path / ".hidden.png").write_bytes(b"draft")
    (tmp_path / "note.txt").write_text("no picture")
    found = pictures.latest(tmp_path, 2)
    assert [path.name for path in found] == ["new.png", "old.png"]
    assert pictures.latest(tmp_path / "missing", 2) == []


def test_one_that_is_gone_or_not_there_yet_does_not_hide_the_others(tmp_path: Path) -> None:
    a_picture().save(tmp_path / "there.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "coming.png").touch()
    assert [path.name for path in pictures.latest(tmp_path, 9)] == ["there.png"]


# --- What can be wished -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"prompt": " \n"}, "prompt"),
        ({"width": 56}, "width"),
        ({"width": 64, "height": 2048}, ""),
        ({"height": 2056}, "height"),
        ({"height": 510}, "height"),
        ({"steps": 0}, "steps"),
        ({"steps": 150}, ""),
        ({"steps": 151}, "steps"),
        ({"guidance": -0.5}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"guidance": 50.5}, "guidance"),
        ({"seed": -2}, "seed"),
        ({"seed": -1}, ""),
        ({"seed": 2**32}, "seed"),
    ],
    ids=str,
)
def test_limits(change: dict[str, object], problem: str) -> None:
    wish = replace(WISH, **change)
    assert wish.problem() == problem
    if problem != "prompt":
        assert wish.within().problem() == ""
        assert (wish.within() == wish) is (not problem)


def test_what_a_creator_says_stands_over_what_is_usual_and_within_the_limits() -> None:
    said = {"width": 832, "height": 4096, "steps": 200, "prompt": "mist", "clip_skip": 2}
    assert pictures.wish_of(said, WISH) == replace(
        WISH, prompt="mist", width=832, height=2048, steps=150
    )


def test_other_text_in_a_picture_does_no_harm(tmp_path: Path) -> None:
    about = PngImagePlugin.PngInfo()
    about.add_text("parameters", "workflow: {}")
    a_picture().save(tmp_path / "other.png", pnginfo=about)
    assert pictures.made_of(tmp_path / "other.png") is None


def test_a_picture_whose_name_is_no_utf_8_breaks_no_page(tmp_path: Path) -> None:
    for name in (b"\xd3\xea.png", b"rain.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert [path.name for path in pictures.latest(tmp_path, 5)] == ["rain.png"]
