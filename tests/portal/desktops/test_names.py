from __future__ import annotations

import random

from django.utils import translation

from portal.desktops import names
from portal.desktops.names import NAME_MAX


def test_it_invents_a_name_in_the_readers_language() -> None:
    with translation.override("en"):
        assert names.invent(set()).isascii()
    with translation.override("zh-hans"):
        assert not any(letter.isascii() for letter in names.invent(set()))


def test_it_never_invents_a_name_that_is_taken() -> None:
    taken: set[str] = set()
    rng = random.Random(1)
    for _launch in range(len(names.LIGHTS) * len(names.PLACES) + 20):
        name = names.invent(taken, rng=rng)
        assert name not in taken
        assert len(name) <= NAME_MAX
        taken.add(name)
