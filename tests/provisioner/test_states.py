"""The decision table, as a table."""

from __future__ import annotations

from itertools import product

import pytest

from provisioner.states import TABLE, Act, Desired, Observed, Status, act, status


def test_it_decides_for_every_pair() -> None:
    assert set(TABLE) == set(product(Desired, Observed))


@pytest.mark.parametrize(
    ("desired", "observed", "does", "says"),
    [
        ("running", "absent", "start", "starting"),
        ("running", "pending", "wait", "starting"),
        ("running", "ready", "nothing", "running"),
        ("running", "failed", "stop", "starting"),
        ("running", "stopping", "wait", "starting"),
        ("stopped", "absent", "nothing", "stopped"),
        ("stopped", "pending", "stop", "stopping"),
        ("stopped", "ready", "stop", "stopping"),
        ("stopped", "failed", "stop", "stopping"),
        ("stopped", "stopping", "wait", "stopping"),
        ("deleted", "absent", "erase", "deleting"),
        ("deleted", "pending", "stop", "deleting"),
        ("deleted", "ready", "stop", "deleting"),
        ("deleted", "failed", "stop", "deleting"),
        ("deleted", "stopping", "wait", "deleting"),
    ],
)
def test_it_does_and_says(desired: str, observed: str, does: str, says: str) -> None:
    assert act(Desired(desired), Observed(observed)) == does
    assert status(Desired(desired), Observed(observed)) == says


@pytest.mark.parametrize("observed", ["pending", "ready", "failed"])
@pytest.mark.parametrize("desired", list(Desired))
def test_it_stops_a_machine_of_an_older_launch_first(desired: Desired, observed: str) -> None:
    assert act(desired, Observed(observed), stale=True) == Act.STOP


def test_it_never_calls_a_machine_of_an_older_launch_running() -> None:
    assert status(Desired.RUNNING, Observed.READY, stale=True) == Status.STARTING


def test_it_gives_up_when_every_attempt_is_spent() -> None:
    assert act(Desired.RUNNING, Observed.ABSENT, exhausted=True) == Act.NOTHING
    assert act(Desired.RUNNING, Observed.FAILED, exhausted=True) == Act.STOP
    assert status(Desired.RUNNING, Observed.ABSENT, exhausted=True) == Status.FAILED


def test_it_lets_the_last_attempt_finish() -> None:
    assert act(Desired.RUNNING, Observed.PENDING, exhausted=True) == Act.WAIT
    assert status(Desired.RUNNING, Observed.PENDING, exhausted=True) == Status.STARTING
    assert status(Desired.RUNNING, Observed.READY, exhausted=True) == Status.RUNNING


def test_it_stops_what_is_pending_for_too_long() -> None:
    assert act(Desired.RUNNING, Observed.PENDING, overdue=True) == Act.STOP


def test_it_says_queued_while_it_waits_for_a_card() -> None:
    assert status(Desired.RUNNING, Observed.ABSENT, waiting=True) == Status.QUEUED
    assert status(Desired.RUNNING, Observed.PENDING, waiting=True) == Status.QUEUED
    assert status(Desired.RUNNING, Observed.READY, waiting=True) == Status.RUNNING
    assert status(Desired.STOPPED, Observed.ABSENT, waiting=True) == Status.STOPPED


def test_it_says_deleted_only_when_the_disk_is_gone() -> None:
    assert status(Desired.DELETED, Observed.ABSENT) == Status.DELETING
    assert status(Desired.DELETED, Observed.ABSENT, erased=True) == Status.DELETED
    assert act(Desired.DELETED, Observed.ABSENT, erased=True) == Act.NOTHING
