"""Whatever goes wrong below /api/ is told as a problem, by one table."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone
from redis.exceptions import ConnectionError as ValkeyAway

from portal.accounts import tokens
from portal.accounts.models import ApiToken, Membership, Tenant, User
from portal.api import problems, throttling
from portal.api.parsing import BODY_MAX
from portal.desktops import actions
from portal.desktops.refusals import Refused
from provisioner.desktops import Desktop
from tests.portal.api.conftest import Program, Tokened, problem

pytestmark = pytest.mark.django_db
WISH = {"plan": "files", "setup": "blank"}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nonsense",
        b"\xff\xfe{\x00}\x00",
        b'{"plan": NaN, "setup": "blank"}',
        b"[" * 60_000,
        b'{"plan": ' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"plan": "files"}',
    ],
)
def test_what_cannot_be_read_is_malformed(alice: User, program: Tokened, raw: bytes) -> None:
    problem(program(alice).post("desktops/", raw), 400, "malformed")


def test_a_huge_body_is_not_read(alice: User, program: Tokened) -> None:
    caller = program(alice)
    body = json.dumps({"name": "x" * BODY_MAX}).encode()
    problem(caller.post("desktops/", body), 413, "too_large")
    padded = json.dumps(WISH).encode().ljust(BODY_MAX)
    problem(caller.post("desktops/", padded), 422, "unknown_plan")
    problem(caller.post("desktops/", padded + b" "), 413, "too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_only_json_is_read(alice: User, program: Tokened, kind: str) -> None:
    answer = program(alice).post("desktops/", b"plan=files", **{"Content-Type": kind})
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "application/json"])
def test_json_is_utf8_whatever_is_claimed(
    catalogue: None, alice: User, program: Tokened, kind: str
) -> None:
    body = json.dumps(WISH | {"name": "夜车"}, ensure_ascii=False).encode()
    answer = program(alice).post("desktops/", body, **{"Content-Type": kind})
    assert (answer.status_code, answer.json()["name"]) == (201, "夜车")


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer at_unknown",
        "Bearer at_ünknown",
        "Bearer at_a b",
        "Basic YWxpY2U6YWxpY2U=",
        "at_unknown",
    ],
)
def test_a_token_that_is_none_is_refused(db: None, authorization: str) -> None:
    answer = Program().get("desktops/", Authorization=authorization)
    problem(answer, 401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_without_a_token_there_is_nobody(alice: User) -> None:
    nobody = Program()
    nobody.client.force_login(alice)  # a log-in to the pages opens nothing here
    answer = nobody.get("desktops/")
    problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="atelier"'


def test_a_token_ends_at_once(alice: User, bob: User, team: Tenant, program: Tokened) -> None:
    endings = {
        "revoked": lambda: ApiToken.objects.update(revoked_at=timezone.now()),
        "expired": lambda: ApiToken.objects.update(expires_at=timezone.now()),
        "left": lambda: Membership.objects.filter(user=bob, tenant=team).delete(),
        "locked out": lambda: User.objects.filter(id=bob.id).update(is_active=False),
        "closed": lambda: Tenant.objects.filter(id=team.id).update(is_active=False),
    }
    for how, end in endings.items():
        ApiToken.objects.all().delete()
        Membership.objects.get_or_create(user=bob, tenant=team, defaults={"role": "member"})
        User.objects.update(is_active=True)
        Tenant.objects.update(is_active=True)
        caller = program(bob, team)
        assert caller.get("desktops/").status_code == 200, how
        end()
        problem(caller.get("desktops/"), 401, "invalid_token")


def test_a_token_that_will_expire_still_opens(alice: User, program: Tokened) -> None:
    caller = program(alice)
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert caller.get("desktops/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api",
        "/api/v1/",
        "/api/v2/plans/",
        "/api/v1/desktops/1/",
        "/api/v1/desktops/not-an-id/start/",
        "/api/v1/desktops/00000000-0000-0000-0000-00000000000/",
        "/api/v1/desktops/%00/",
        "/api/v1/desktops/%0A/",
        "/api/v1/desktops/../plans",
        "/api/v1/plans/é",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_that_is_none_is_told_so_in_json(db: None, path: str, method: str) -> None:
    problem(Program().call(method, path), 404, "not_found")


def test_a_forgotten_slash_is_named(db: None) -> None:
    said = problem(Program().post("/api/v1/desktops", WISH), 404, "not_found")
    assert "slash" in said["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "desktops/", "GET, POST"),
        ("DELETE", "desktops/", "GET, POST"),
        ("POST", "plans/", "GET"),
        ("OPTIONS", "plans/", "GET"),
        ("TRACE", "setups/", "GET"),
    ],
)
def test_a_verb_that_is_none_is_told_which_there_are(
    alice: User, program: Tokened, method: str, path: str, allowed: str
) -> None:
    answer = program(alice).call(method, path)
    problem(answer, 405, "method_not_allowed")
    assert set(allowed.split(", ")) <= set(answer.headers["Allow"].split(", "))


def test_a_format_that_we_do_not_have(alice: User, program: Tokened) -> None:
    problem(program(alice).get("desktops/", Accept="text/csv"), 406, "not_acceptable")


def test_too_often_is_told_when_to_come_back(
    catalogue: None, alice: User, charlie: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "WRITES", 2)
    monkeypatch.setattr(throttling, "now", lambda: 1_700_000_010.0)
    caller = program(alice)
    for _ in range(2):
        assert caller.post("desktops/", WISH).status_code == 201
    late = caller.post("desktops/", WISH)
    problem(late, 429, "throttled")
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert caller.get("desktops/").status_code == 200, "reads are counted apart"
    assert program(charlie).post("desktops/", WISH).status_code == 201, "so is everybody else"
    monkeypatch.setattr(throttling, "now", lambda: 1_700_000_071.0)
    assert caller.post("desktops/", WISH).status_code == 201, "and a minute later it is forgotten"
    assert Desktop.objects.filter(tenant=alice.personal_tenant).count() == 3


def test_visitors_are_counted_by_address(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "VISITS", 1)
    assert Program().get("plans/").status_code == 200
    problem(Program().get("plans/", X_Forwarded_For="203.0.113.7"), 429, "throttled")


def test_nobody_is_held_up_where_nobody_can_count(
    alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ValkeyAway("gone")

    monkeypatch.setattr(cache, "add", away)
    assert program(alice).get("desktops/").status_code == 200


def test_a_database_that_is_away_is_away_for_a_moment(
    alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_secret: str) -> None:
        raise OperationalError("the connection is closed")

    caller = program(alice)
    monkeypatch.setattr(tokens, "find", away)
    answer = caller.get("desktops/")
    problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (Refused("something_new", "Not so."), 409),
        (Refused("something_new", "Not so.", field="plan"), 422),
        (Refused("name_taken", "Taken.", field="name"), 409),
    ],
)
def test_a_refusal_that_is_new_is_mapped_by_whether_it_names_a_field(
    alice: User,
    program: Tokened,
    monkeypatch: pytest.MonkeyPatch,
    refused: Refused,
    status: int,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise refused

    monkeypatch.setattr(actions, "launch", refuse)
    said = problem(program(alice).post("desktops/", WISH), status, refused.code)
    assert said["detail"] == refused.message


def test_every_kind_has_a_title_of_its_own() -> None:
    titles = [str(kind.title) for kind in problems.KINDS.values()]
    assert len(set(titles)) == len(titles)
