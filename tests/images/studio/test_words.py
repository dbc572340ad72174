"""The page's words: in both languages, and there for whoever asks."""

from __future__ import annotations

import re
import string

import pytest
from studio import pictures, words, work

from tests.running import ROOT

SOURCES = sorted((ROOT / "images" / "studio" / "studio").glob("*.py"))
ASKED = re.compile(r'(?:i18n|said|CannotPaint)\(\s*"(\w+)"')


def fields(text: str) -> set[str]:
    return {name for _text, name, _format, _how in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", words.TABLE)
def test_both_languages_say_the_same_of_the_same(key: str) -> None:
    english, chinese = words.TABLE[key]
    assert english.strip() and chinese.strip()
    assert fields(english) == fields(chinese)
    assert not re.search(r"[\u3400-\u9fff]", english)


def test_all_that_is_asked_for_is_there() -> None:
    asked = {key for source in SOURCES for key in ASKED.findall(source.read_text("utf-8"))}
    assert {"prompt", "done", "vram_out"} <= asked, "it is looked for where it stands"
    named = {
        f"bad_{field}" for field in ("prompt", "width", "height", "steps", "guidance", "seed")
    }
    assert (asked | named | set(work.SIZES)) - set(words.TABLE) == set()


@pytest.mark.parametrize(
    ("accepted", "chinese"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("ZH", True),
        ("en-GB,zh;q=0.5", False),
        ("", False),
        ("de", False),
    ],
)
def test_the_browser_says_which_language(accepted: str, *, chinese: bool) -> None:
    assert words.said("paint", accepted) == ("开始画" if chinese else "Paint")


def test_a_browsers_words_are_complete_in_each_language() -> None:
    spoken = words.languages()
    assert spoken["en"]["paint"] == "Paint"
    assert {spoken[name]["paint"] for name in ("zh", "zh-CN", "zh-TW")} == {"开始画"}
    assert all(set(said) == set(words.TABLE) for said in spoken.values())


def test_braces_in_what_people_write_stay_what_they_are() -> None:
    assert words.said("unknown", words="{x}").startswith("These words are not in the glossary")
    assert "{x}" in words.said("unknown", words="{x}")


def test_sizes_are_said_as_they_are() -> None:
    for name, (width, height) in work.SIZES.items():
        assert all(f"{width} × {height}" in text for text in words.TABLE[name])
        assert pictures.Wish("a cat", width=width, height=height).problem() == ""
