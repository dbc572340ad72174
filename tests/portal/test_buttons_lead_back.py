"""A browser that comes to the address of a button is led to the page that the button is on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.accounts import tokens
from portal.accounts.models import User
from portal.middleware import FOR_PROGRAMS
from tests.portal.desktops.conftest import Make, catalogue, make

__all__ = ["catalogue", "make"]
pytestmark = pytest.mark.django_db

HEADERS = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "host": "localhost:8000"}
NOBODY = UUID(int=5)
SAMPLES = {"uuid": str(NOBODY), "int": "1"}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """Every address that a browser may come to, with a sample where it varies."""
    for one in patterns:
        route = re.sub(r"<(?:(\w+):)?\w+>", lambda m: SAMPLES.get(m[1], "x"), str(one.pattern))
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, before + route)
        elif not (before + route).startswith(FOR_PROGRAMS):
            yield before + route


EVERY = sorted(set(addresses(get_resolver().url_patterns)))
PATTERNS = [one for one in EVERY if "(" in one]  # of which no sample can be made
ADDRESSES = [one for one in EVERY if one not in PATTERNS]
LIVE = [one for one in ADDRESSES if one.endswith("/events/")]  # streams, which have no end


@pytest.fixture
def browser(olga: User) -> Client:
    """Staff's, with the second step, who may come everywhere."""
    Authenticator.objects.create(user=olga, type="totp", data={"secret": "x"})
    client = Client(headers=HEADERS)
    client.force_login(olga)
    return client


def test_the_walk_comes_to_every_room() -> None:
    assert {"/team/leave/", "/staff/logout/", "/accounts/2fa/", "/i18n/setlang/"} <= set(ADDRESSES)
    assert f"/desktops/{NOBODY}/stop/" in ADDRESSES
    # The operators' pages answer all that lies below them, and the API all below itself.
    assert not [one for one in PATTERNS if not one.startswith(("/staff/", "/^api("))]


def test_no_address_is_a_white_page(browser: Client) -> None:
    """Whoever adds an address that only takes a form: it lies below the page of its button."""
    white = {}
    for address in ADDRESSES:
        if address not in LIVE:
            answer = browser.get(address, follow=True)
            if answer.status_code not in (200, 403, 404):
                white[address] = answer.status_code
    assert white == {}


@pytest.mark.parametrize(
    ("button", "page"),
    [
        *((f"desktops:{verb}", "desktops:detail") for verb in ("start", "stop", "move", "stay")),
        *((f"desktops:{verb}", "desktops:detail") for verb in ("delete", "rename")),
        ("access:open", "desktops:detail"),
    ],
)
def test_a_desktops_button_leads_to_its_desktop_and_does_nothing(
    browser: Client, olga: User, make: Make, button: str, page: str
) -> None:
    desktop = make(olga.personal_tenant, "running")
    answer = browser.get(reverse(button, args=[desktop.id]), follow=True)
    assert answer.request["PATH_INFO"] == reverse(page, args=[desktop.id])
    assert answer.status_code == 200
    desktop.refresh_from_db()
    assert desktop.status == "running"


@pytest.mark.parametrize(
    ("button", "page"),
    [
        ("/team/leave/", "/team/"),
        ("/team/rename/", "/team/"),
        ("/team/switch/", "/team/"),
        ("/team/members/1/role/", "/team/"),
        ("/team/members/1/remove/", "/team/"),
        (f"/team/invitations/{NOBODY}/withdraw/", "/team/"),
        (f"/settings/tokens/{NOBODY}/revoke/", "/settings/tokens/"),
        ("/staff/logout/", "/staff/"),
        ("/i18n/setlang/", "/"),
    ],
)
def test_the_other_buttons_lead_to_their_pages(browser: Client, button: str, page: str) -> None:
    answer = browser.get(button, follow=True)
    assert answer.request["PATH_INFO"] == page
    assert answer.status_code == 200


def test_programs_are_told_405(browser: Client, olga: User) -> None:
    answer = browser.get("/team/leave/", headers={"accept": "*/*"})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    _token, secret = tokens.issue(olga, olga.personal_tenant, "backup")
    key = {"authorization": f"Bearer {secret}"}
    answer = browser.get(f"/api/v1/desktops/{NOBODY}/stop/", headers=key)
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_form_other_than_the_buttons_is_still_refused(browser: Client) -> None:
    assert browser.put("/team/leave/").status_code == 405


def test_who_was_signed_out_is_told_that_nothing_was_done(olga: User, make: Make) -> None:
    desktop = make(olga.personal_tenant, "running")
    stop = reverse("desktops:stop", args=[desktop.id])
    visitor = Client(headers=HEADERS)
    answer = visitor.post(stop, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/login/"
    told = "You were signed out; nothing was done."
    assert told in answer.content.decode()
    assert told not in visitor.get(stop, follow=True).content.decode()  # nothing was pressed
