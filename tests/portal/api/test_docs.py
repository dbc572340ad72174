"""The page for people says what the description says, and every problem leads to its row."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.api.problems import KINDS
from tests.portal.api.conftest import HOST, Program, Tokened

pytestmark = pytest.mark.django_db


def page(**headers: str) -> str:
    answer = Client(HTTP_HOST=HOST).get("/api/docs/", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_operation_shape_and_problem_is_on_the_page() -> None:
    html, document = page(), Program().get("/api/schema/").json()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in html
    for code in KINDS:
        assert f'id="{code}"' in html


def test_it_says_what_needs_no_token() -> None:
    assert page().count("needs no token") == 2


def test_every_link_within_the_page_leads_somewhere() -> None:
    html = page()
    targets = set(re.findall(r'\bid="([^"]+)"', html))
    links = set(re.findall(r'href="#([^"]+)"', html))
    assert len(links) > 20
    assert links <= targets


def test_a_problem_leads_to_its_row(alice: User, program: Tokened) -> None:
    kind = program(alice).post("desktops/", {}).json()["type"]
    assert kind.endswith("/api/docs/#invalid")


def test_it_speaks_chinese_too() -> None:
    html = page(**{"Accept-Language": "zh-CN"})
    assert "新建并启动桌面" in html
    assert "Launch a desktop" not in html


def test_nothing_on_it_is_inline() -> None:
    html = page()
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
