"""Programs that call the API with a token, as people's scripts do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from portal.accounts import tokens
from portal.accounts.models import Tenant, User
from portal.accounts.tenants import ensure_personal
from tests.portal.desktops.conftest import catalogue, every_nudge_is_lost, make

__all__ = ["catalogue", "every_nudge_is_lost", "make"]

HOST = settings.ATELIER.portal_origin.partition("://")[2]


@dataclass
class Program:
    """Speaks to the API, with a token or without."""

    token: str = ""
    client: Client = field(default_factory=lambda: Client(HTTP_HOST=HOST))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """`path` below /api/v1/. Bytes are sent as they are, anything else as JSON."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = named.pop("Content-Type", "application/json" if sent else "")
        where = path if path.startswith("/") else f"/api/v1/{path}"
        return self.client.generic(method, where, sent, content_type=kind, headers=named)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def launch(self, **changes: str) -> Any:
        answer = self.post("desktops/", {"plan": "aigc-a4000", "setup": "blank"} | changes)
        assert answer.status_code == 201, answer.content
        return answer.json()


Tokened = Callable[..., Program]


@pytest.fixture
def program(db: None) -> Tokened:
    """`program(bob, team)`: with a token of bob's for the team; else for his own tenant."""

    def make_program(user: User | None = None, tenant: Tenant | None = None) -> Program:
        if user is None:
            return Program()
        _token, secret = tokens.issue(user, tenant or ensure_personal(user), "a program")
        return Program(secret)

    return make_program


@pytest.fixture(autouse=True)
def uncounted() -> Iterator[None]:
    """What one test asked does not count against the next."""
    cache.clear()
    yield
    cache.clear()


def problem(answer: HttpResponse, status: int, code: str) -> Any:
    """The problem that was answered, after checking that it is a whole one."""
    assert answer.status_code == status, (answer.status_code, answer.content[:500])
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "errors"}
    assert (body["status"], body["code"]) == (status, code), body
    assert body["title"] and body["detail"]
    return body
