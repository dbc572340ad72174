"""Who may ask what: every address, every method, every kind of caller; nothing left undeclared."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from portal.accounts.models import ApiToken, Membership, Role, Tenant, User
from portal.api.views.base import Door
from provisioner.desktops import Desktop
from tests.portal.api.conftest import Program, Tokened, problem
from tests.portal.desktops.conftest import Make

pytestmark = pytest.mark.django_db

# alice owns the team and its desktop; bob is a member; carol only pays; charlie is a stranger;
# "revoked" is alice's token after it was taken away; nobody has no token.
Expected = dict[str, int]


def ours(*, alice: int, bob: int, carol: int) -> Expected:
    return {
        "alice": alice,
        "bob": bob,
        "carol": carol,
        "charlie": 404,
        "nobody": 401,
        "revoked": 401,
    }


def everybody(status: int) -> Expected:
    callers = ("alice", "bob", "carol", "charlie", "nobody", "revoked")
    return dict.fromkeys(callers, status)


TEAM_LIST = ours(alice=200, bob=200, carol=200) | {"charlie": 200}
LAUNCH = {"plan": "files", "setup": "blank"}
MATRIX: dict[tuple[str, str], tuple[Any, Expected]] = {
    ("GET", "schema"): (None, everybody(200)),
    ("GET", "plans"): (None, everybody(200)),
    ("GET", "setups"): (None, everybody(200)),
    ("GET", "desktops"): (None, TEAM_LIST),
    ("POST", "desktops"): (LAUNCH, ours(alice=201, bob=201, carol=403) | {"charlie": 201}),
    ("GET", "desktop"): (None, ours(alice=200, bob=200, carol=200)),
    ("PATCH", "desktop"): ({"name": "Other"}, ours(alice=200, bob=200, carol=403)),
    ("DELETE", "desktop"): (None, ours(alice=202, bob=403, carol=403)),
    ("POST", "start"): (None, ours(alice=202, bob=202, carol=403)),
    ("POST", "stop"): (None, ours(alice=202, bob=202, carol=403)),
    ("POST", "move"): (None, ours(alice=409, bob=409, carol=403)),  # it runs
    ("POST", "stay"): (None, ours(alice=202, bob=202, carol=403)),
    ("POST", "open"): (None, ours(alice=200, bob=200, carol=403)),
    ("GET", "timeline"): (None, ours(alice=200, bob=200, carol=200)),
}
CHANGING = ("POST", "PATCH", "DELETE", "PUT")


def routes() -> Iterator[tuple[str, str, type[Door]]]:
    """Every address below /api/ that the whole site knows, with its name and its view."""

    def walk(found: list[Any], prefix: str) -> Iterator[tuple[str, str, type[Door]]]:
        for one in found:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, prefix + str(one.pattern))
            elif isinstance(one, URLPattern) and (prefix + str(one.pattern)).lstrip("^")[:3] == (
                "api"
            ):
                yield str(one.name), prefix + str(one.pattern), getattr(one.callback, "cls", None)

    yield from walk(get_resolver().url_patterns, "")


def test_every_address_and_method_is_declared_here() -> None:
    known = {
        (method.upper(), name)
        for name, _path, view in routes()
        if name not in ("nowhere", "docs")
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }
    assert known == set(MATRIX)


def test_every_address_is_a_door_of_ours() -> None:
    """So it authenticates, throttles and answers problems as all of them do."""
    for name, path, view in routes():
        if name != "docs":
            assert view is not None and issubclass(view, Door), path


def where(name: str, desktop: object) -> str:
    path = next(path for known, path, _view in routes() if known == name)
    return "/" + path.replace("<uuid:desktop_id>", str(desktop))


class Stage:
    """The team's running desktop, and everybody with a token of their own."""

    def __init__(self, alice: User, bob: User, charlie: User, team: Tenant, program: Tokened):
        carol = User.objects.create_user("carol@example.org")
        Membership.objects.create(user=carol, tenant=team, role=Role.BILLING)
        self.callers = {
            "alice": program(alice, team),
            "bob": program(bob, team),
            "carol": program(carol, team),
            "charlie": program(charlie),
            "nobody": Program(),
            "revoked": program(alice, team),
        }
        newest = ApiToken.objects.filter(user=alice, tenant=team).latest("created_at")
        ApiToken.objects.filter(id=newest.id).update(revoked_at=newest.created_at)


@pytest.fixture
def stage(
    catalogue: None, alice: User, bob: User, charlie: User, team: Tenant, program: Tokened
) -> Stage:
    return Stage(alice, bob, charlie, team, program)


CASES = [(*route, who) for route, (_, expected) in MATRIX.items() for who in expected]


@pytest.mark.parametrize(("method", "name", "who"), CASES)
def test_who_may_ask_what(
    stage: Stage, team: Tenant, make: Make, method: str, name: str, who: str
) -> None:
    row = make(team, "running", name="The team's canary")
    before = Desktop.objects.filter(id=row.id).values().get()
    body, expected = MATRIX[method, name]
    answer = stage.callers[who].call(method, where(name, row.id), body)
    assert answer.status_code == expected[who], answer.content
    stranger = expected[who] >= 400 or who == "charlie"
    if stranger:
        assert "canary" not in answer.content.decode()
        assert Desktop.objects.filter(id=row.id).values().get() == before
    if expected[who] >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "name"), [route for route, (_, e) in MATRIX.items() if e["charlie"] == 404]
)
def test_a_strangers_desktop_and_none_are_answered_alike(
    stage: Stage, team: Tenant, make: Make, method: str, name: str
) -> None:
    row, caller = make(team, "running"), stage.callers["charlie"]
    for body in (MATRIX[method, name][0], {"nonsense": 1}, b"{"):
        if method not in CHANGING and body is not None:
            continue
        theirs = caller.call(method, where(name, row.id), body)
        none = caller.call(method, where(name, uuid.uuid4()), body)
        assert problem(theirs, 404, "not_found") == problem(none, 404, "not_found")
        varying = {"Content-Length"}
        assert {k: v for k, v in theirs.headers.items() if k not in varying} == {
            k: v for k, v in none.headers.items() if k not in varying
        }


def test_what_goes_wrong_is_told_only_to_who_may_do_it(
    stage: Stage, team: Tenant, make: Make
) -> None:
    """Somebody whose role does not allow it learns nothing from malformed requests either."""
    row = make(team, "running")
    for method, name in MATRIX:
        status = MATRIX[method, name][1]["carol"]
        if method in CHANGING and name != "desktop" and status == 403:
            answer = stage.callers["carol"].call(method, where(name, row.id), {"nonsense": 1})
            assert answer.status_code == 403, name


def test_no_token_and_no_sequence_is_ever_answered(stage: Stage, team: Tenant, make: Make) -> None:
    row = make(team, "running")
    caller = stage.callers["alice"]
    for (method, name), (body, _expected) in MATRIX.items():
        if (method, name) == ("DELETE", "desktop"):
            continue
        answer = caller.call(method, where(name, row.id), body)
        assert caller.token not in answer.content.decode()
        if name not in ("schema", "plans", "setups", "timeline"):
            found = [value for key, value in _walk(answer.json()) if key == "id"]
            assert all(uuid.UUID(value).version == 4 for value in found), name


def _walk(said: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(said, dict):
        for key, value in said.items():
            yield key, value
            yield from _walk(value)
    elif isinstance(said, list):
        for value in said:
            yield from _walk(value)


def test_only_hashes_of_tokens_are_kept(stage: Stage) -> None:
    kept = json.dumps(list(ApiToken.objects.values()), default=str)
    for name, caller in stage.callers.items():
        if caller.token:
            assert caller.token not in kept, name
