"""Who has a desktop's stream, as it is written down; and what the desktop's death leaves of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from portal.access import sessions, windows
from portal.access.models import DesktopSession, StreamHolder
from portal.accounts import tenants
from portal.accounts.models import Membership, Tenant, User
from portal.accounts.permissions import Actor
from provisioner import desktops
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests.portal.access.conftest import Running, see
from tests.portal.access.test_sessions import LogIn, let_in
from tests.portal.access.test_views import ask

Asked = dict[str, str]

# --- What is written down -----------------------------------------------------------------------


@pytest.fixture
def desktop(team: Tenant, running: Running) -> Desktop:
    return running(team)


@pytest.fixture
def enter(
    desktop: Desktop, team: Tenant, acting: Callable[..., Actor], logged_in: LogIn
) -> Callable[..., Asked]:
    """`enter(bob)`: a browser of his that is let in, as the gateway asks about it."""

    def enter(user: User, app: str = "") -> Asked:
        key = logged_in(user).session.session_key
        hash = let_in(acting(user, team), desktop, portal_session_key=key, app=app)
        return {"session": hash, "desktop": str(desktop.id), "app": app}

    return enter


def take(session: Asked) -> str:
    """A window is opened; its name."""
    window = secrets.token_hex(16)
    assert ask("take", session | {"window": window}).status_code == 200
    return window


def holder(session: Asked) -> Any:
    return ask("state", session).json()["holder"]


def lost(session: Asked) -> bool:
    """The stream; everything else stays open to whoever lost it."""
    told = ask("authorize", session)
    assert told.status_code == 200
    checked = ask("check", {"sessions": [session["session"]]}).json()
    assert checked["valid"] == [session["session"]]
    assert (checked["superseded"] == checked["valid"]) is told.json()["superseded"]
    return bool(checked["superseded"])


def test_the_last_window_of_a_person_has_it(bob: User, enter: Callable[..., Asked]) -> None:
    phone = enter(bob)
    assert holder(phone) is None and not lost(phone)
    first = take(phone)
    assert holder(phone) == {"window": first, "who": ""} and not lost(phone)
    computer = enter(bob)
    assert not lost(phone), "let in, but no window was opened yet"
    second = take(computer)
    assert holder(phone) == {"window": second, "who": ""}
    assert lost(phone) and not lost(computer)
    third = take(phone)
    assert holder(computer) == {"window": third, "who": ""}
    assert lost(computer) and not lost(phone)


def test_of_two_people_each_hears_who_it_was(
    alice: User, bob: User, enter: Callable[..., Asked]
) -> None:
    hers, his = enter(alice), enter(bob)
    take(hers)
    assert (holder(hers)["who"], holder(his)["who"]) == ("", "Alice")
    take(his)
    assert (holder(hers)["who"], holder(his)["who"]) == ("Bob", "")
    User.objects.filter(pk=bob.pk).update(name="")
    assert holder(hers)["who"] == "bob"


def test_whoever_is_let_in_after_it_was_taken_is_not_kept_out(
    bob: User, enter: Callable[..., Asked]
) -> None:
    """On the way to a window of their own, or a program that opens none."""
    take(enter(bob))
    assert not lost(enter(bob))
    # At the very same moment counts as before: only who holds is sure to.
    later = enter(bob)
    DesktopSession.objects.update(created_at=StreamHolder.objects.get().taken_at)
    assert lost(later)


def test_an_app_has_no_window_and_loses_none(bob: User, enter: Callable[..., Asked]) -> None:
    app, stream = enter(bob, app="webui"), enter(bob)
    take(stream)
    assert not lost(app)
    assert ask("take", app | {"window": "0" * 32}).status_code == 404


@pytest.mark.parametrize("window", ["", "0" * 31, "g" * 32, "0" * 33, None])
def test_only_a_gateway_names_windows(
    bob: User, enter: Callable[..., Asked], window: str | None
) -> None:
    session = enter(bob)
    assert ask("take", session | {"window": window}).status_code == 400
    assert ask("take", session | {"window": "0" * 32}, key="a guess").status_code == 403
    assert ask("take", session | {"window": "0" * 32, "session": "0" * 64}).status_code == 401
    assert not StreamHolder.objects.exists()


def test_a_forgotten_tab_takes_nothing_from_a_later_launch(
    bob: User, desktop: Desktop, enter: Callable[..., Asked]
) -> None:
    old = enter(bob)
    take(old)
    desktops.stop(desktop.id)
    take(old)
    see(desktop, Observed.ABSENT)
    see(desktops.start(desktop.id), Observed.READY)
    new = enter(bob)
    window = take(new)
    assert ask("take", old | {"window": "0" * 32}).json()["holder"]["window"] == window
    assert not lost(new)


def test_many_are_asked_about_at_once(
    bob: User,
    enter: Callable[..., Asked],
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    all = [enter(bob) for _each in range(8)]
    take(all[-1])
    rows = list(DesktopSession.objects.all())
    with django_assert_max_num_queries(1):
        gone = windows.superseded(rows)
    assert gone == {one["session"] for one in all[:-1]}
    with django_assert_max_num_queries(0):
        assert windows.superseded([]) == set()


# --- A desktop that died and comes back ---------------------------------------------------------


def test_it_says_that_it_comes_back_and_is_open_again(
    bob: User, desktop: Desktop, enter: Callable[..., Asked]
) -> None:
    session = enter(bob)
    take(session)
    for observed in (Observed.FAILED, Observed.ABSENT, Observed.PENDING):
        see(desktop, observed)
        state = ask("state", session).json()
        assert (state["open"], state["returns"], state["status"]) == (False, True, "starting")
        assert ask("authorize", session).status_code == 401
    window = take(session)  # the tab is opened anew while it waits
    see(desktop, Observed.READY)
    state = ask("state", session).json()
    assert (state["open"], state["returns"], state["status"]) == (True, False, "running")
    assert state["holder"]["window"] == window and not lost(session)


@pytest.mark.parametrize("ends", ["stopped", "gave up", "deleted", "started anew"])
def test_what_does_not_come_back_here_says_so(
    bob: User, desktop: Desktop, enter: Callable[..., Asked], ends: str
) -> None:
    session = enter(bob)
    see(desktop, Observed.ABSENT)
    if ends == "gave up":
        Desktop.objects.update(attempts=99, attempts_generation=desktop.generation)
    elif ends == "deleted":
        desktops.delete(desktop.id)
    else:
        desktops.stop(desktop.id)
        if ends == "started anew":
            desktops.start(desktop.id)
    state = ask("state", session).json()
    assert (state["open"], state["returns"]) == (False, False)


@pytest.mark.parametrize("between", ["removed", "removed and back", "role", "password", "log-out"])
def test_who_may_not_any_more_does_not_come_back_with_it(
    alice: User,
    bob: User,
    team: Tenant,
    desktop: Desktop,
    enter: Callable[..., Asked],
    acting: Callable[..., Actor],
    between: str,
) -> None:
    session = enter(bob)
    see(desktop, Observed.FAILED)
    member = Membership.objects.get(user=bob, tenant=team)
    if between.startswith("removed"):
        tenants.remove(acting(alice, team), member.id)
        if between.endswith("back"):
            Membership.objects.create(user=bob, tenant=team, role="member")
    elif between == "role":
        tenants.change_role(acting(alice, team), member.id, role="billing")
    elif between == "password":
        bob.set_password("another one altogether")
        bob.save()
    else:
        assert sessions.revoke_for(user=bob)
    see(desktop, Observed.READY)
    for question in ("state", "authorize"):
        assert ask(question, session).status_code == 401
    assert ask("take", session | {"window": "0" * 32}).status_code == 401


def test_a_window_that_waits_is_still_there(
    bob: User, desktop: Desktop, enter: Callable[..., Asked]
) -> None:
    """Its session does not run out of use while the desktop waits for a card."""
    session = enter(bob)
    see(desktop, Observed.ABSENT)
    for _time in range(3):
        row = DesktopSession.objects.get()
        row.last_seen_at -= timedelta(minutes=20)
        row.save()
        assert ask("state", session).status_code == 200
    row = DesktopSession.objects.get()
    row.last_seen_at -= timedelta(minutes=31)
    row.save()
    assert ask("state", session).status_code == 401
