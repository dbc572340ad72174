"""One desktop, one name."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access import hosts
from portal.access.hosts import Desk

TEMPLATE = "https://d-{id}.desks.example"
apps = st.one_of(st.just(""), st.from_regex(r"\A[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}\Z"))


@given(st.uuids(), apps)
def test_a_name_leads_back_to_its_desk(id: UUID, app: str) -> None:
    desk = Desk(id, app)
    origin = hosts.origin(TEMPLATE, desk)
    host = origin.removeprefix("https://")
    assert hosts.parse(TEMPLATE, host) == desk
    assert len(host.split(".")[0]) <= 63


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26))
def test_a_desktop_has_no_second_name(text: str) -> None:
    id = hosts.decode(text)
    assert id is None or hosts.encode(id) == text


@given(st.text(max_size=80))
def test_other_text_names_nothing(text: str) -> None:
    assert hosts.decode(text) is None or hosts.encode(hosts.decode(text)) == text
    assert hosts.parse(TEMPLATE, text) is None


@pytest.mark.parametrize("app", ["a--b", "-a", "a-", "A", "a.b", "a b", "ä", "a" * 33, "a/b"])
def test_not_every_app_can_be_a_name(app: str) -> None:
    assert not hosts.is_app(app)
    with pytest.raises(ValueError):
        hosts.origin(TEMPLATE, Desk(UUID(int=1), app))
