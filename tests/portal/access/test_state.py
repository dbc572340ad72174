"""What the portal tells the bar of a desktop, and what it lets a session's person do."""

from __future__ import annotations

from typing import Any

import pytest

from portal.access import sessions
from portal.access.models import DesktopSession
from portal.accounts import permissions
from portal.accounts.models import AuditEvent, Membership, User
from provisioner import desktops
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests.portal.access.conftest import Running, see
from tests.portal.access.test_views import LogIn, ask, opened, ticket_in

VERBS = ("state", "stop", "extend")
ACTS = ("stop", "extend")


@pytest.fixture
def desktop(alice: User, running: Running) -> Desktop:
    return running(alice.personal_tenant)


@pytest.fixture
def session(alice: User, desktop: Desktop, logged_in: LogIn) -> dict[str, str]:
    """What the gateway says of a browser that was let in."""
    ticket = ticket_in(opened(logged_in(alice), desktop.id))
    desk = {"desktop": str(desktop.id), "app": ""}
    secret = ask("redeem", {"ticket": sessions.digest(ticket), **desk}).json()["session"]
    return {"session": sessions.digest(secret), **desk}


def told(session: dict[str, str]) -> dict[str, Any]:
    answer = ask("state", session)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_it_tells_what_is_real_and_nothing_else(
    alice: User, desktop: Desktop, session: dict[str, str]
) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    state = told(session)
    assert state.pop("now") and state.pop("since")
    assert state == {
        "name": "Rain",
        "status": "running",
        "open": True,
        "returns": False,
        "holder": None,
        "language": "zh-hans",
        "apps": [{"name": "webui", "title": "WebUI"}],
        "cost": None,
        "idle": None,
        "may": {"stop": True, "extend": False},
        "notices": [],
    }


def test_it_goes_on_telling_while_the_desktop_rests(
    desktop: Desktop, session: dict[str, str]
) -> None:
    desktops.stop(desktop.id)
    assert (told(session)["status"], told(session)["open"]) == ("stopping", False)
    see(desktop, Observed.ABSENT)
    state = told(session)
    assert (state["status"], state["open"], state["since"]) == ("stopped", False, None)
    assert state["may"] == {"stop": False, "extend": False}
    # A new launch is opened anew.
    see(desktops.start(desktop.id), Observed.READY)
    assert (told(session)["status"], told(session)["open"]) == ("running", False)
    assert ask("stop", session).status_code == 409, "a forgotten tab stops nothing"
    desktop.refresh_from_db()
    assert desktop.desired == "running"


def test_stop_is_the_persons_own(alice: User, desktop: Desktop, session: dict[str, str]) -> None:
    answer = ask("stop", session)
    assert answer.status_code == 200 and answer.json()["status"] == "stopping"
    desktop.refresh_from_db()
    assert desktop.desired == "stopped"
    event = AuditEvent.objects.get(action="desktop.stop")
    assert (event.user_id, event.via) == (alice.pk, "gateway")
    assert ask("stop", session).status_code == 409
    assert AuditEvent.objects.filter(action="desktop.stop").count() == 1


def test_a_role_that_may_not_stop_it_does_not(
    desktop: Desktop, session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(permissions.ACTIONS, "desktop.stop", frozenset())
    assert told(session)["may"]["stop"] is False
    assert ask("stop", session).status_code == 403
    desktop.refresh_from_db()
    assert desktop.desired == "running"


def test_who_may_open_a_desktop_may_do_all_that_its_bar_offers() -> None:
    """A desktop can press the bar's buttons as whoever looks at it: that must give it nothing."""
    assert permissions.ACTIONS["desktop.open"] <= permissions.ACTIONS["desktop.stop"]


def test_nothing_stops_by_itself_yet(session: dict[str, str]) -> None:
    assert ask("extend", session).status_code == 409


def test_sessions_of_nobody_of_others_and_of_apps_are_told_nothing(
    alice: User, desktop: Desktop, session: dict[str, str], running: Running
) -> None:
    other = running(alice.personal_tenant, name="Other")
    for verb in VERBS:
        assert ask(verb, session | {"session": "0" * 64}).status_code == 401
        assert ask(verb, session | {"desktop": str(other.id)}).status_code == 404
        assert ask(verb, session | {"app": "webui"}).status_code == 404
        assert ask(verb, session | {"session": "x"}).status_code == 400
        assert ask(verb, session, key="a guess").status_code == 403
    for app in ("webui", "files"):
        DesktopSession.objects.update(app=app)
        for verb in ACTS if app == "webui" else VERBS:
            assert ask(verb, session | {"app": app}).status_code == 404
    for one in (desktop, other):
        one.refresh_from_db()
        assert one.desired == "running"


def test_an_apps_page_is_told_whether_it_can_go_on_and_no_more(
    desktop: Desktop, session: dict[str, str]
) -> None:
    DesktopSession.objects.update(app="webui")
    asked = session | {"app": "webui"}
    state = told(asked)
    assert state.pop("now")
    assert state == {
        "name": "Rain",
        "language": "",
        "status": "running",
        "open": True,
        "returns": False,
        "may": {"stop": False, "extend": False},
        "notices": [],
    }
    assert ask("state", session).status_code == 404, "nor does its session speak for the stream"
    desktops.stop(desktop.id)
    assert (told(asked)["status"], told(asked)["open"]) == ("stopping", False)
    see(desktop, Observed.ABSENT)
    assert (told(asked)["status"], told(asked)["open"]) == ("stopped", False)
    see(desktops.start(desktop.id), Observed.READY)
    assert (told(asked)["status"], told(asked)["open"]) == ("running", False)


def test_who_left_or_logged_out_is_told_nothing(
    alice: User, desktop: Desktop, session: dict[str, str]
) -> None:
    Membership.objects.filter(user=alice).delete()
    for verb in VERBS:
        assert ask(verb, session).status_code == 401
    assert DesktopSession.objects.get().revoked_at, "and it stays so"


def test_an_apps_name_is_told_with_its_way(
    alice: User, desktop: Desktop, logged_in: LogIn
) -> None:
    ticket = ticket_in(opened(logged_in(alice), desktop.id, app="webui"))
    desk = {"desktop": str(desktop.id), "app": "webui"}
    secret = ask("redeem", {"ticket": sessions.digest(ticket), **desk}).json()["session"]
    told = ask("authorize", {"session": sessions.digest(secret), **desk}).json()
    assert (told["title"], told["upstream"]) == ("WebUI", "unix:/nowhere.webui")
    assert told["panel"] is True, "and that our panel lies over its pages"
