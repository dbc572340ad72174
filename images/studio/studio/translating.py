"""Chinese words into those that the models know. Their text encoders have learned English.

A glossary of terms (glossary.tsv), longest match first: no grammar, and none is needed, since a
prompt is a list of things to see. What is not in it is named, so that one can say it otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GLOSSARY = Path(__file__).with_name("glossary.tsv")
_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_MARKS = str.maketrans("，。；：！？、（）【】“”《》　", ',,;:!?,()[]"""" ')
# Words that hold a sentence together and show nothing.
_SILENT = "的了着在和与是有个只条张幅位一些很吗呢啊地得把被让从向到之其并且及里上中"
_COUNTED = re.compile(r"([一二两三四五六七八九十]{1,3})(?:个|只|条|张|幅|位|座|朵|棵|匹|艘|辆)")
_DIGITS = {digit: number for number, digit in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@dataclass(frozen=True)
class Translated:
    text: str
    unknown: tuple[str, ...] = ()  # Chinese that the glossary does not know
    changed: bool = False


@cache
def terms() -> dict[str, str]:
    """Chinese → English."""
    found = {}
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            chinese, _, english = line.partition("\t")
            for word in chinese.split("/"):
                found[word] = english
    return found


def translate(prompt: str) -> Translated:
    """English is left as it is, whatever stands around it."""
    if not _CHINESE.search(prompt):
        return Translated(prompt)
    unknown: list[str] = []
    parts = []
    for part in re.split(r"[,;\n]", prompt.translate(_MARKS)):
        words, missing = _part(part.strip())
        unknown += missing
        if words:
            parts.append(words)
    return Translated(", ".join(parts), tuple(dict.fromkeys(unknown)), changed=True)


def _number(said: str) -> str:
    """Up to 99; above ten in digits."""
    tens, ten, ones = said.rpartition("十")
    number = (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)
    return _NUMBERS[number - 1] if number <= len(_NUMBERS) else str(number)


def _part(text: str) -> tuple[str, list[str]]:
    text = _COUNTED.sub(lambda match: f" {_number(match[1])} ", text)
    known, longest = terms(), max(map(len, terms()))
    words, unknown, place, missed = [], [], 0, ""

    def give_up() -> None:
        nonlocal missed
        if missed:
            unknown.append(missed)
        missed = ""

    while place < len(text):
        if not _CHINESE.match(text[place]):
            give_up()
            plain = re.match(r"[^\u3400-\u9fff\uf900-\ufaff]+", text[place:])
            assert plain is not None
            words.append(plain[0].strip())
            place += len(plain[0])
            continue
        for length in range(min(longest, len(text) - place), 0, -1):
            if english := known.get(text[place : place + length]):
                give_up()
                words.append(english)
                place += length
                break
        else:
            if text[place] in _SILENT:
                give_up()
            else:
                missed += text[place]
            place += 1
    give_up()
    return " ".join(word for word in words if word), unknown
