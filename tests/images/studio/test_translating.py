"""Chinese prompts: what the glossary makes of them, and what it says of what it does not know."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from studio import translating, words
from studio.translating import Translated, translate


def test_every_term_of_the_glossary_comes_out_as_it_stands_there() -> None:
    assert len(translating.terms()) > 500
    for chinese, english in translating.terms().items():
        assert translate(chinese) == Translated(english, changed=True)


def test_no_term_stands_there_twice_and_all_are_english() -> None:
    lines = translating.GLOSSARY.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 and re.fullmatch(r"[a-z0-9 -]+", pair[1]) for pair in pairs)
    told = Counter(word for chinese, _english in pairs for word in chinese.split("/"))
    assert [word for word, times in told.items() if times > 1 or not word] == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("猫", "cat"),
        ("熊猫", "giant panda"),  # the longest that fits, not the first
        ("猫头鹰和猫", "owl cat"),
        (
            "窗边的猫，窗外下雨，水彩",
            "by the window cat, outside the window rain, watercolor painting",
        ),
        ("a cat by the window, 水彩", "a cat by the window, watercolor painting"),
        ("1girl，长发；月光", "1girl, long hair, moonlight"),
        ("山\n水", "mountain, water"),
        ("猫,,，、 ,狗", "cat, dog"),
        ("一只猫", "one cat"),
        ("两只猫和三朵玫瑰", "two cat three rose"),
        ("十个人", "ten person"),
        ("十一只鸟", "11 bird"),
        ("二十只鸟", "20 bird"),
        ("三十五只鸟", "35 bird"),
    ],
    ids=lambda text: text[:12],
)
def test_words_of_a_picture(said: str, meant: str) -> None:
    assert translate(said) == Translated(meant, changed=True)


@pytest.mark.parametrize("said", ["", "a cat, (warm light:1.2); rain", "Café “Nord” – 3 × 4"])
def test_without_chinese_nothing_is_touched(said: str) -> None:
    assert translate(said) == Translated(said)


def test_what_it_does_not_know_is_named_once_and_left_out() -> None:
    meant = translate("鑫淼的猫，鑫淼，狗")
    assert meant.text == "cat, dog"
    assert meant.unknown == ("鑫淼",)
    assert translate("鑫淼") == Translated("", ("鑫淼",), changed=True)


@pytest.mark.parametrize("key", ["prompt_hint", "negative_hint"])
def test_it_knows_the_words_that_the_page_itself_proposes(key: str) -> None:
    assert translate(words.TABLE[key][1]).unknown == ()
