"""One rule for the names that people give: every script, composed emoji, nothing that misleads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from portal import display_names
from portal.accounts import tenants
from portal.accounts.forms import ProfileForm, TeamForm, TokenForm
from portal.accounts.models import Tenant, User
from portal.desktops import names
from portal.desktops.refusals import Refused
from tests.portal.desktops.conftest import Make, catalogue, every_nudge_is_lost, make

__all__ = ["catalogue", "every_nudge_is_lost", "make"]

ARTIST = "👩\u200d🎨"
RIGHT = [
    "Rainy crossing",
    "雨中路口 №2",
    f"Ink {ARTIST}",
    "👨🏽\u200d👩🏽\u200d👧\u200d👦",  # skin tones
    "❤\ufe0f\u200d🔥",  # a variation selector before the joiner
    "می\u200cخواهم",  # Persian: “I want”
    "ക്\u200d",  # Malayalam: the joiner ends the word
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland's flag
    "e\u0301tude",
    "\U0001fae9",  # newer than some Pythons
    "𰻝𰻝面",
    "٢\u06dd",
]
WRONG = [
    "ink\u202egpj.exe",  # override
    "\u2067ink\u2069",  # isolate
    "\u200eink",  # mark
    "\u061cink",
    "in\u00adk",  # soft hyphen
    "in\u2060k",
    "\ufeffink",
    "ink\x07",
    "ink\x7f",
    "in\ud800k",  # half a pair
    "in\ue000k",  # private use
    "ink\ufffe",
    "ink\U0002fffe",
    "ink\U000e0067",  # a tag without a flag
    "\u3164",
    "\u2800 \u2800",
    "\ufe0f",
    "\u0301",
    "\u115f\u200d\u1160",
]


@pytest.mark.parametrize("name", RIGHT)
def test_what_can_be_shown_is_kept_as_it_is(name: str) -> None:
    assert display_names.clean(f"  {name}\u3000") == name
    assert display_names.can_be_shown(name)
    assert names.checked(name) == name
    assert tenants._checked(name) == name


@pytest.mark.parametrize("name", WRONG, ids=ascii)
def test_what_misleads_or_shows_nothing_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        names.checked(name)
    assert refusal.value.code == "name_unprintable"
    with pytest.raises(tenants.Refused):
        tenants._checked(name)


@pytest.mark.parametrize("name", ["\u200d", "\u200c \u200d", " \u200d\u200d "], ids=ascii)
def test_joiners_alone_are_no_name(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        names.checked(name)
    assert refusal.value.code == "name_empty"
    with pytest.raises(tenants.Refused):
        tenants._checked(name)


@pytest.mark.parametrize(
    "typed", ["\u200dRain ", "Rain\u200d", "Rain \u200c", "\u200c Rain", "Rain\u200d\u200d"]
)
def test_a_joiner_that_joins_nothing_goes_as_a_space_at_the_end_does(typed: str) -> None:
    assert display_names.clean(typed) == "Rain"


LETTERS = st.sampled_from(f"aക് \t{ARTIST}{display_names.JOINERS}") | st.characters()


@given(st.text(LETTERS))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = display_names.clean(text)
    assert display_names.clean(once) == once
    assert not display_names.can_be_shown(once) or once.strip(display_names.JOINERS + " ")


@pytest.mark.django_db
@pytest.mark.parametrize("form", [ProfileForm, TeamForm, TokenForm])
def test_every_form_with_a_name_has_the_rule(form: Callable[[dict[str, Any]], Any]) -> None:
    more = {"language": "en", "days": "90"}
    good = form(more | {"name": f" Mei {ARTIST}\u200d "})
    assert good.is_valid(), good.errors
    assert good.cleaned_data["name"] == f"Mei {ARTIST}"
    for name in WRONG:
        assert "name" in form(more | {"name": name}).errors, ascii(name)


@pytest.mark.django_db
def test_a_person_a_team_and_a_token_may_be_called_so(alice: User) -> None:
    client = Client(headers={"host": "localhost:8000"})
    client.force_login(alice)
    assert client.post("/settings/", {"name": ARTIST, "language": "en"}).status_code == 302
    assert client.post("/team/new/", {"name": f"Team {ARTIST}"}).status_code == 302
    alice.refresh_from_db()
    assert alice.name == ARTIST
    assert Tenant.objects.filter(name=f"Team {ARTIST}").exists()
    answer = client.post("/team/new/", {"name": "\u202eTeam"})
    assert answer.status_code == 422
    assert "cannot be shown" in answer.content.decode()


# --- The typed confirmation ---------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        (f"Ink {ARTIST}", f"Ink {ARTIST}"),
        (f"Ink {ARTIST}", "Ink 👩🎨"),  # a keyboard that has no joiner
        ("می\u200cخواهم", "میخواهم"),
        ("❤\ufe0f", "❤"),
        ("e\u0301tude", "étude"),
        ("Rain", " Rain\u200d "),
    ],
)
def test_a_desktop_is_deleted_by_typing_what_is_seen_of_its_name(
    alice: User, make: Make, name: str, typed: str
) -> None:
    desktop = make(alice.personal_tenant, "stopped", name)
    client = Client(headers={"host": "localhost:8000"})
    client.force_login(alice)
    wrong = client.post(f"/desktops/{desktop.id}/delete/", {"name": typed + "x"})
    assert wrong.status_code == 422
    assert client.post(f"/desktops/{desktop.id}/delete/", {"name": typed}).status_code == 302
    desktop.refresh_from_db()
    assert desktop.status == "deleting"
