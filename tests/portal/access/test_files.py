"""The files of a desktop that rests: the same permissions, the same way in, opened by a worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from portal.access import sessions, tickets
from portal.access.hosts import Desk
from portal.accounts.models import User
from portal.accounts.permissions import Actor
from provisioner import desktops, files
from provisioner.desktops import NOT_YET, Desktop
from provisioner.drivers.memory import MemoryDriver
from provisioner.errors import DriverError
from provisioner.models import FilesRoom
from provisioner.states import Observed, Status
from tests.portal.access.conftest import Running, see

Acting = Callable[..., Actor]


@pytest.fixture
def resting(alice: User, running: Running) -> Desktop:
    desktop = running(alice.personal_tenant)
    desktops.stop(desktop.id)
    see(desktop, Observed.ABSENT)
    desktop.refresh_from_db()
    assert desktop.status == Status.STOPPED
    return desktop


@pytest.fixture
def key(alice: User, logged_in: Callable[[User], object]) -> str:
    return logged_in(alice).session.session_key  # type: ignore[attr-defined]


def enter(actor: Actor, desktop: Desktop, key: str) -> str | None:
    """The hash of a session that was let in to the files."""
    issued = tickets.issue(actor, desktop.id, app="files", portal_session_key=key)
    secret = tickets.redeem(sessions.digest(issued.ticket), Desk(desktop.id, "files"))
    return sessions.digest(secret) if secret else None


def upstream(hash: str) -> str:
    return sessions.entries([hash])[hash].upstream


def test_whoever_may_open_the_desktop_may_look_at_its_files(
    alice: User, acting: Acting, resting: Desktop, key: str
) -> None:
    hash = enter(acting(alice), resting, key)
    assert hash is not None
    assert upstream(hash) == NOT_YET, "a worker has to open them first"
    files.open_(MemoryDriver(), resting.id)
    assert upstream(hash) == f"http://memory.invalid/{resting.id}"
    assert sessions.entries([hash])[hash].route.secret == resting.secret, "a pod asks for it"


def test_a_stranger_finds_no_such_desktop(
    charlie: User, acting: Acting, resting: Desktop, key: str
) -> None:
    with pytest.raises(tickets.NotFound):
        tickets.issue(acting(charlie), resting.id, app="files", portal_session_key=key)
    assert not FilesRoom.objects.exists(), "nothing was even asked for"


def test_the_stream_of_a_desktop_that_rests_stays_closed(
    alice: User, acting: Acting, resting: Desktop, key: str
) -> None:
    enter(acting(alice), resting, key)
    for app in ("", "webui"):
        with pytest.raises(tickets.Refused):
            tickets.issue(acting(alice), resting.id, app=app, portal_session_key=key)


def test_a_start_closes_what_was_opened_while_it_rested(
    alice: User, acting: Acting, resting: Desktop, key: str
) -> None:
    hash = enter(acting(alice), resting, key)
    assert hash is not None
    desktops.start(resting.id)
    assert sessions.entries([hash]) == {}
    files.open_(MemoryDriver(), resting.id)
    assert not FilesRoom.objects.exclude(endpoint="").exists(), "it starts: nothing is opened"


def test_asking_often_asks_the_worker_once(
    resting: Desktop, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    with django_capture_on_commit_callbacks() as sent:  # type: ignore[attr-defined]
        for _ in range(3):
            files.ask(resting.id)
    assert len(sent) == 1
    FilesRoom.objects.update(asked_at=timezone.now() - 2 * files.ASKED_AGAIN)
    with django_capture_on_commit_callbacks() as sent:  # type: ignore[attr-defined]
        files.ask(resting.id)
    assert len(sent) == 1, "a room ends by itself, so whoever is there later asks anew"


def test_what_cannot_be_opened_is_written_down(resting: Desktop) -> None:
    class Broken(MemoryDriver):
        def open_files(self, spec: object) -> str:
            raise DriverError("no", cause="files_failed")

    files.ask(resting.id)
    files.open_(Broken(), resting.id)
    assert FilesRoom.objects.get().cause == "files_failed"
