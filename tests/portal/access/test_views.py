"""The page that hands over, and the questions that only the gateway may ask."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.access import hosts, sessions, signing
from portal.access.models import DesktopSession
from portal.accounts.models import User
from provisioner import desktops
from provisioner.desktops import Desktop
from tests.portal.access.conftest import Running

LogIn = Callable[[User], Client]


@pytest.fixture
def desktop(alice: User, running: Running) -> Desktop:
    return running(alice.personal_tenant)


def opened(client: Client, desktop_id: object, **data: str) -> Any:
    return client.post(reverse("access:open", args=[desktop_id]), data)


def ticket_in(page: HttpResponse) -> str:
    found = re.search(r'name="ticket" value="([\w-]{43})"', page.content.decode())
    assert found
    return found[1]


def test_it_hands_over_by_a_form_and_by_nothing_else(
    alice: User, desktop: Desktop, logged_in: LogIn
) -> None:
    page = opened(logged_in(alice), desktop.id)
    assert page.status_code == 200
    desk = f"http://d-{hosts.encode(desktop.id)}.localhost:8001"
    text = page.content.decode()
    assert f'action="{desk}/__gw/enter"' in text and 'method="post"' in text
    policy = page.headers["Content-Security-Policy"]
    assert f"form-action {desk};" in policy + ";" and "'unsafe" not in policy
    assert "form-action 'self'" not in policy
    # The desktop must hear where the form comes from; with less it is sent with `Origin: null`.
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "no-store" in page.headers["Cache-Control"]
    assert "<script>" not in text and "js/handover" in text
    assert ticket_in(page) not in "".join(map(str, page.headers.values()))


def test_strangers_and_visitors_get_no_ticket(
    charlie: User, desktop: Desktop, logged_in: LogIn
) -> None:
    client = logged_in(charlie)
    assert opened(client, desktop.id).status_code == 404
    assert opened(client, uuid4()).status_code == 404
    assert opened(Client(headers={"host": "localhost:8000"}), desktop.id).status_code == 302


def test_it_takes_a_post_with_the_portals_own_mark(
    alice: User, desktop: Desktop, logged_in: LogIn
) -> None:
    client = logged_in(alice)
    back = client.get(reverse("access:open", args=[desktop.id]))
    assert back.status_code == 302 and str(desktop.id) in back.headers["Location"]
    client.handler.enforce_csrf_checks = True
    assert opened(client, desktop.id).status_code == 403


def test_a_desktop_at_rest_leads_back_to_its_page(
    alice: User, desktop: Desktop, logged_in: LogIn
) -> None:
    desktops.stop(desktop.id)
    client = logged_in(alice)
    answer = opened(client, desktop.id)
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("desktops:detail", args=[desktop.id])
    shown = [str(message) for message in answer.wsgi_request._messages]
    assert shown == ["The desktop is not running. Start it first."]


# --- Questions of the gateway -------------------------------------------------------------------


def ask(name: str, asked: Any, *, key: str = "", now: float | None = None, **headers: str) -> Any:
    path = f"/internal/{name}"
    body = json.dumps(asked).encode()
    key = key or settings.ATELIER.gateway_key
    signed = signing.headers(key, method="POST", path=path, body=body, now=now) | headers
    client = Client(headers={"host": "127.0.0.1:8000", **signed}, enforce_csrf_checks=True)
    return client.post(path, body, content_type="application/json")


def test_the_gateway_redeems_authorizes_and_checks(
    alice: User, desktop: Desktop, logged_in: LogIn
) -> None:
    ticket = ticket_in(opened(logged_in(alice), desktop.id))
    desk = {"desktop": str(desktop.id), "app": ""}
    redeemed = ask("redeem", {"ticket": sessions.digest(ticket), **desk})
    assert redeemed.status_code == 200
    hash = sessions.digest(redeemed.json()["session"])
    assert ask("redeem", {"ticket": sessions.digest(ticket), **desk}).status_code == 410
    told = ask("authorize", {"session": hash, **desk})
    assert told.status_code == 200 and "no-store" in told.headers["Cache-Control"]
    assert told.json() == {
        "upstream": "unix:/nowhere",
        "secret": desktop.secret,
        "generation": 1,
        "title": "",
        "superseded": False,
        "panel": False,
    }
    assert ask("authorize", {"session": hash, **desk, "app": "webui"}).status_code == 404
    other = {"session": hash, "desktop": str(uuid4()), "app": ""}
    assert ask("authorize", other).status_code == 404
    assert ask("authorize", {"session": "0" * 64, **desk}).status_code == 401
    both = {"sessions": [hash, "0" * 64]}
    assert ask("check", both).json() == {"valid": [hash], "superseded": []}
    DesktopSession.objects.update(revoked_at=DesktopSession.objects.get().created_at)
    assert ask("check", both).json() == {"valid": [], "superseded": []}


@pytest.mark.django_db
def test_nobody_else_may_ask() -> None:
    asked = {"sessions": []}
    assert ask("check", asked).status_code == 200
    assert ask("check", asked, key="a guess").status_code == 403
    # A slow answer brings what is ahead nearer, and what is behind further away.
    for late in (-61, 90, -(10**6)):
        assert ask("check", asked, now=time.time() + late).status_code == 403
    for near in (-30, 55):
        assert ask("check", asked, now=time.time() + near).status_code == 200
    for wrong in ({signing.SIGNATURE: ""}, {signing.SIGNATURE: "é"}, {signing.TIME: "now"}):
        assert ask("check", asked, **wrong).status_code == 403
    assert Client().post("/internal/check", "{}", "application/json").status_code == 403
    assert Client().get("/internal/check").status_code == 400


def test_a_signature_is_for_one_question() -> None:
    said = signing.headers("key", method="POST", path="/internal/check", body=b"{}")
    good = {"method": "POST", "path": "/internal/check", "body": b"{}"}
    assert signing.verified("key", said, **good)
    for changed in ({"method": "GET"}, {"path": "/internal/redeem"}, {"body": b"{ }"}):
        assert not signing.verified("key", said, **(good | changed))
    assert not signing.verified("", signing.headers("", **good), **good), "no key, no gateway"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        None,
        "x",
        {"session": "x", "desktop": str(uuid4()), "app": ""},
        {"session": "0" * 64, "desktop": "x", "app": ""},
        {"session": "0" * 64, "desktop": 5, "app": ""},
        {"session": 5, "desktop": str(uuid4()), "app": ""},
    ],
)
def test_nonsense_is_a_bad_request(asked: Any) -> None:
    assert ask("authorize", asked).status_code == 400
    assert ask("redeem", asked).status_code == 400
    assert ask("check", asked).status_code == 400


@pytest.mark.django_db
def test_too_much_at_once_is_a_bad_request() -> None:
    assert ask("check", {"sessions": ["0" * 64] * 1001}).status_code == 400
    assert ask("check", {"sessions": ["0" * 64] * 5000}).status_code == 400
