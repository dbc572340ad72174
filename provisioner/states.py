"""What we want, what is, what to do about it, and the word people see. Pure.

    desired × observed → act · word

            absent              pending          ready            failed            stopping
    running start · starting    wait · starting  nothing ·running stop · starting   wait · starting
    stopped nothing · stopped   stop · stopping  stop · stopping  stop · stopping   wait · stopping
    deleted erase · deleted     stop · deleting  stop · deleting  stop · deleting   wait · deleting

Modifiers: *stale* (what exists is of an older generation: stop it first), *overdue* (pending
for too long: stop it and count an attempt), *exhausted* (attempts spent: leave it, say `failed`,
keep the reason), *waiting* (nothing is free: the word is `queued`) and *erased* (the end).
"""

from __future__ import annotations

from enum import StrEnum


class Desired(StrEnum):
    """What we want."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


class Observed(StrEnum):
    """What is."""

    ABSENT = "absent"
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    STOPPING = "stopping"


class Act(StrEnum):
    """What the hand does next."""

    NOTHING = "nothing"
    WAIT = "wait"
    START = "start"
    STOP = "stop"
    ERASE = "erase"


class Status(StrEnum):
    """What people are told."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


TABLE: dict[tuple[Desired, Observed], tuple[Act, Status]] = {
    (Desired.RUNNING, Observed.ABSENT): (Act.START, Status.STARTING),
    (Desired.RUNNING, Observed.PENDING): (Act.WAIT, Status.STARTING),
    (Desired.RUNNING, Observed.READY): (Act.NOTHING, Status.RUNNING),
    (Desired.RUNNING, Observed.FAILED): (Act.STOP, Status.STARTING),
    (Desired.RUNNING, Observed.STOPPING): (Act.WAIT, Status.STARTING),
    (Desired.STOPPED, Observed.ABSENT): (Act.NOTHING, Status.STOPPED),
    (Desired.STOPPED, Observed.PENDING): (Act.STOP, Status.STOPPING),
    (Desired.STOPPED, Observed.READY): (Act.STOP, Status.STOPPING),
    (Desired.STOPPED, Observed.FAILED): (Act.STOP, Status.STOPPING),
    (Desired.STOPPED, Observed.STOPPING): (Act.WAIT, Status.STOPPING),
    (Desired.DELETED, Observed.ABSENT): (Act.ERASE, Status.DELETED),
    (Desired.DELETED, Observed.PENDING): (Act.STOP, Status.DELETING),
    (Desired.DELETED, Observed.READY): (Act.STOP, Status.DELETING),
    (Desired.DELETED, Observed.FAILED): (Act.STOP, Status.DELETING),
    (Desired.DELETED, Observed.STOPPING): (Act.WAIT, Status.DELETING),
}


def act(
    desired: Desired,
    observed: Observed,
    *,
    stale: bool = False,
    overdue: bool = False,
    exhausted: bool = False,
    erased: bool = False,
) -> Act:
    """The next act for one desktop."""
    if erased and observed == Observed.ABSENT:
        return Act.NOTHING
    if desired == Desired.RUNNING and observed == Observed.ABSENT and exhausted:
        return Act.NOTHING
    if stale and observed in (Observed.PENDING, Observed.READY, Observed.FAILED):
        return Act.STOP
    if overdue and desired == Desired.RUNNING and observed == Observed.PENDING:
        return Act.STOP
    return TABLE[desired, observed][0]


def status(
    desired: Desired,
    observed: Observed,
    *,
    stale: bool = False,
    exhausted: bool = False,
    waiting: bool = False,
    erased: bool = False,
) -> Status:
    """The word people see."""
    word = TABLE[desired, observed][1]
    if desired == Desired.DELETED:
        return Status.DELETED if erased else Status.DELETING
    if desired == Desired.RUNNING:
        if observed == Observed.READY:
            return Status.STARTING if stale else Status.RUNNING
        if exhausted and observed != Observed.PENDING:
            return Status.FAILED
        if waiting and observed in (Observed.ABSENT, Observed.PENDING):
            return Status.QUEUED
    return word
