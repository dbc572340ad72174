"""Causes are worded in both languages, with and without their values."""

from __future__ import annotations

import pytest
from django.utils import translation

from portal.desktops import causes
from portal.desktops.cause_table import TABLE

EVERY_VALUE = {
    name: name.upper()
    for name in (
        *("n", "gpu", "p", "eta", "s", "setup", "version", "speed", "usual"),
        *("min", "used", "size", "need", "have", "program", "time"),
    )
}


@pytest.mark.parametrize("key", sorted(TABLE))
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_words_every_cause_with_and_without_values(key: str, language: str) -> None:
    with translation.override(language):
        full = causes.worded(key, EVERY_VALUE)
        bare = causes.worded(key)
    for cause in (full, bare):
        assert cause.headline and cause.why and cause.step
        assert "{" not in cause.headline + cause.why + cause.step
        assert key not in cause.why


@pytest.mark.parametrize("key", sorted(TABLE))
def test_it_has_a_chinese_sentence_for_every_cause(key: str) -> None:
    english = causes.worded(key, EVERY_VALUE)
    with translation.override("zh-hans"):
        chinese = causes.worded(key, EVERY_VALUE)
    for en, zh in zip(
        (english.headline, english.why, english.step),
        (chinese.headline, chinese.why, chinese.step),
        strict=True,
    ):
        assert en != zh
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh)


def test_it_fills_values_from_the_driver_and_from_what_the_page_knows() -> None:
    cause = causes.worded("image_not_found", {"version": "0.6"}, setup="Night Train")
    assert cause.why.startswith("Night Train 0.6 was not found in its store.")


def test_it_turns_bare_numbers_into_amounts() -> None:
    cause = causes.worded(
        "vram_too_small", {"need_mib": 14 * 1024, "have_mib": 12 * 1024}, setup="Long Lens"
    )
    assert cause.why == "Long Lens needs 14 GB of video memory. This card has 12 GB."


def test_it_never_shows_a_key_that_it_does_not_know() -> None:
    cause = causes.worded("flux_capacitor_low", {"log": "line one\nline two"})
    assert "flux" not in cause.headline + cause.why + cause.step
    assert cause.headline == causes.worded("driver_error").headline
    assert cause.key == "flux_capacitor_low"
    assert cause.log == ("line one", "line two")


def test_it_does_not_offer_to_repeat_what_can_never_work() -> None:
    assert not causes.worded("spec_rejected").retry
    assert causes.worded("desktop_died").retry


def test_a_setup_is_called_by_its_title_and_not_by_the_drivers_slug() -> None:
    cause = causes.worded("setup_not_here", {"setup": "long-lens"}, setup="Long Lens")
    assert cause.why.startswith("Long Lens has to be brought here first")
    assert causes.worded("setup_not_here", {"setup": "long-lens"}).why.startswith("long-lens ")
