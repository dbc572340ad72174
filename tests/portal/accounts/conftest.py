"""A browser that behaves like one at the machine itself, and mail that can be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

HOST = "localhost:8000"


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> Iterator[None]:
    """Rate limits live in Valkey, which no transaction rolls back."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def open_browser(db: None) -> Callable[[], Client]:
    return lambda: Client(headers={"host": HOST})


@pytest.fixture
def browser(open_browser: Callable[[], Client]) -> Client:
    return open_browser()


def sign_in(browser: Client, name: str, *, password: str = "", to: str = "") -> object:
    form = {"login": f"{name}@example.org", "password": password or f"password of {name}"}
    return browser.post("/accounts/login/" + (f"?next={to}" if to else ""), form)


def code_in_mail(place: int = -1) -> str:
    found = re.search(r"^\s*(\d{6})\s*$", str(mail.outbox[place].body), re.MULTILINE)
    assert found, mail.outbox[place].body
    return found[1]


def wrong_code(right: str) -> str:
    return f"{(int(right) + 1) % 1000000:06d}"
