"""`Idempotency-Key`: sent twice, done once, answered alike."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from portal.accounts.models import Membership, Role, Tenant, User
from portal.api import idempotency
from portal.api.models import Replay
from portal.desktops import actions
from provisioner.desktops import Desktop
from tests.portal.api.conftest import Program, Tokened, problem

WISH = {"plan": "files", "setup": "blank", "name": "Ink"}
KEY = {"Idempotency-Key": "order-1"}


@pytest.mark.django_db
def test_the_same_key_gets_the_first_answer_again(
    catalogue: None, alice: User, program: Tokened
) -> None:
    caller = program(alice)
    first = caller.post("desktops/", WISH, **KEY)
    # What became of it since does not change what was answered.
    caller.call("PATCH", f"desktops/{first.json()['id']}/", {"name": "Renamed"})
    again = caller.post("desktops/", dict(reversed(WISH.items())), **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert Desktop.objects.count() == 1


@pytest.mark.django_db
def test_without_a_key_every_request_counts(
    catalogue: None, alice: User, program: Tokened
) -> None:
    caller = program(alice)
    wish = {"plan": "files", "setup": "blank"}
    assert {caller.post("desktops/", wish).status_code for _ in range(2)} == {201}
    assert Desktop.objects.count() == 2


@pytest.mark.django_db
def test_the_same_key_for_something_else_is_refused(
    catalogue: None, alice: User, program: Tokened
) -> None:
    caller = program(alice)
    caller.post("desktops/", WISH, **KEY)
    other = caller.post("desktops/", WISH | {"name": "Other"}, **KEY)
    problem(other, 422, "idempotency_key_reused")
    assert Desktop.objects.count() == 1


@pytest.mark.django_db
def test_a_key_is_the_tenants_own_and_answers_only_who_used_it(
    catalogue: None, alice: User, bob: User, charlie: User, team: Tenant, program: Tokened
) -> None:
    mine = program(alice, team).post("desktops/", WISH, **KEY).json()["id"]
    elsewhere = program(alice).post("desktops/", WISH, **KEY)
    stranger = program(charlie).post("desktops/", WISH, **KEY)
    assert (elsewhere.status_code, stranger.status_code) == (201, 201)
    assert len({mine, elsewhere.json()["id"], stranger.json()["id"]}) == 3
    problem(program(bob, team).post("desktops/", WISH, **KEY), 422, "idempotency_key_reused")
    # Another token of the same person is the same person.
    assert program(alice, team).post("desktops/", WISH, **KEY).json()["id"] == mine


@pytest.mark.django_db
def test_what_was_refused_may_be_corrected_under_the_same_key(
    catalogue: None, alice: User, program: Tokened
) -> None:
    caller = program(alice)
    problem(caller.post("desktops/", WISH | {"plan": "none"}, **KEY), 422, "unknown_plan")
    problem(caller.post("desktops/", {"plan": "files"}, **KEY), 422, "invalid")
    assert not Replay.objects.exists()
    assert caller.post("desktops/", WISH, **KEY).status_code == 201


@pytest.mark.django_db
def test_what_fell_over_is_done_by_the_next_try(
    catalogue: None, alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = program(alice)
    caller.client.raise_request_exception = False
    launch = actions.launch

    def dies(*words: object, **more: str) -> Desktop:
        launch(*words, **more)  # type: ignore[arg-type]
        raise RuntimeError("the machine went dark")

    monkeypatch.setattr(actions, "launch", dies)
    problem(caller.post("desktops/", WISH, **KEY), 500, "internal")
    assert not Desktop.objects.exists()
    monkeypatch.setattr(actions, "launch", launch)
    answer = caller.post("desktops/", WISH, **KEY)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.django_db
def test_a_right_that_ended_answers_nothing_again(
    catalogue: None, bob: User, team: Tenant, program: Tokened
) -> None:
    caller = program(bob, team)
    caller.post("desktops/", WISH, **KEY)
    Membership.objects.filter(user=bob, tenant=team).update(role=Role.BILLING)
    problem(caller.post("desktops/", WISH, **KEY), 403, "forbidden")


@pytest.mark.django_db
def test_a_key_is_free_again_after_a_day(catalogue: None, alice: User, program: Tokened) -> None:
    caller = program(alice)
    first = caller.post("desktops/", WISH, **KEY)
    Replay.objects.update(created_at=Replay.objects.get().created_at - idempotency.KEPT)
    other = caller.post("desktops/", WISH | {"name": "Other"}, **KEY)
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]
    old = Replay.objects.get().created_at - idempotency.KEPT - timedelta(seconds=1)
    Replay.objects.update(created_at=old)
    caller.post("desktops/", WISH | {"name": "Third"}, **{"Idempotency-Key": "order-2"})
    assert [kept.key for kept in Replay.objects.all()] == ["order-2"], "old ones are cleared away"


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "schlüssel"])
def test_a_key_that_is_none_is_named(
    catalogue: None, alice: User, program: Tokened, key: str
) -> None:
    answer = program(alice).post("desktops/", WISH, **{"Idempotency-Key": key})
    problem(answer, 400, "idempotency_key_malformed")
    assert not Desktop.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_launch_one(catalogue: None, alice: User, program: Tokened) -> None:
    token = program(alice).token
    together = threading.Barrier(8)

    def ask(_number: int) -> tuple[int, str, str]:
        try:
            together.wait(20)
            answer = Program(token).post("desktops/", WISH, **KEY)
            said = answer.json()
            return (
                answer.status_code,
                said.get("id", ""),
                answer.headers.get("Idempotency-Replayed", ""),
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert Counter(status for status, _, _ in answers) == {201: 8}
    assert len({id for _, id, _ in answers}) == 1
    assert Counter(replayed for _, _, replayed in answers) == {"": 1, "true": 7}
    assert Desktop.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_where_the_first_falls_over_one_of_the_others_does_it(
    catalogue: None, alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, launch = program(alice).token, actions.launch
    together, first = threading.Barrier(4), threading.Lock()

    def dies_once(*words: object, **more: str) -> Desktop:
        row = launch(*words, **more)  # type: ignore[arg-type]
        if first.acquire(blocking=False):
            raise RuntimeError("the machine went dark")
        return row

    monkeypatch.setattr(actions, "launch", dies_once)

    def ask(_number: int) -> int:
        try:
            caller = Program(token)
            caller.client.raise_request_exception = False
            together.wait(20)
            return caller.post("desktops/", WISH, **KEY).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = Counter(pool.map(ask, range(4)))
    assert statuses == {500: 1, 201: 3}
    assert Desktop.objects.count() == 1
