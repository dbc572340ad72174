"""Display names: what people call their desktops, teams, API tokens and themselves. One rule.

A name may hold everything that can be shown, in every script. Two characters show nothing and are
right all the same: the joiners, which Persian words and composed emoji are written with. Refused
are control characters, what turns the direction of the text around it, other invisible format
characters, and names of which nothing is seen.
"""

from __future__ import annotations

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

JOINERS = "\u200c\u200d"
# Letters, symbols and marks by their category that leave the paper white: fillers of Hangul, the
# empty braille cell, two vowels of Khmer, the grapheme joiner, and all that picks a variant.
BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# Format characters that are seen: signs of Arabic, Syriac and Kaithi that stand around figures.
SEEN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
# Flags such as Scotland's: a black flag, then its region in tag letters, then the end tag.
TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
# Where newer emoji and Han characters come than this Python knows of.
NEWER = ((0x1F000, 0x1FAFF), (0x20000, 0x3FFFD))
_VIRAMA = 9  # its canonical combining class


def clean(text: str) -> str:
    """The name as it is kept: single spaces, and no joiner that joins nothing.

    Like a space at the end, such a joiner is a slip that nobody can see.
    """
    kept: list[str] = []
    for place, char in enumerate(text):
        if char not in JOINERS or _joins(kept[-1:], text[place + 1 : place + 2]):
            kept.append(char)
    return " ".join("".join(kept).split())


def _joins(before: list[str], after: str) -> bool:
    """A joiner stands between two characters, or ends a word after a virama (as in Malayalam)."""
    if not before or before[0].isspace() or before[0] in JOINERS:
        return False
    between = bool(after) and not after.isspace() and after not in JOINERS
    return between or unicodedata.combining(before[0]) == _VIRAMA


def can_be_shown(name: str) -> bool:
    """Whether each character of a clean name may stand in one, and something is seen of it."""
    seen = False
    for char in TAGGED_FLAG.sub("\U0001f3f4", name):
        if char == " " or char in JOINERS or BLANKS.match(char):
            continue
        category = unicodedata.category(char)
        if category[0] in "CZ" and char not in SEEN_FORMATS and not _newer(ord(char)):
            return False
        seen = seen or category[0] != "M"
    return seen


def _newer(code: int) -> bool:
    never = code & 0xFFFE == 0xFFFE  # the last two of each plane will be no characters
    return not never and any(low <= code <= high for low, high in NEWER)


def is_same(typed: str, name: str) -> bool:
    """Whether somebody typed that name, as far as it can be seen.

    No keyboard tells how a letter with an accent is composed, or whether a joiner is in there.
    """
    return _seen(typed) == _seen(name)


def _seen(text: str) -> str:
    shown = (char for char in clean(text) if char not in JOINERS and not BLANKS.match(char))
    return unicodedata.normalize("NFC", "".join(shown))


def unshowable() -> str:
    """What people are told of a name that cannot be shown."""
    return _("The name has characters that cannot be shown.")


class DisplayNameField(forms.CharField):
    """A name in a form, as it will be kept."""

    def to_python(self, value: object) -> str:
        return clean(super().to_python(value) or "")

    def validate(self, value: str) -> None:
        super().validate(value)
        if value and not can_be_shown(value):
            raise ValidationError(unshowable(), code="unshowable")
