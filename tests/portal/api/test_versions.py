"""Versions of setups, by program: which there are, which one has, moving and staying."""

from __future__ import annotations

import pytest

from portal.accounts.models import User
from portal.catalog import presence
from portal.catalog.models import Setup, SetupVersion
from portal.catalog.presence import Presence
from provisioner.desktops import Desktop
from tests.portal.api.conftest import Program, Tokened, problem
from tests.portal.desktops.conftest import Make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def night_train() -> dict[str, object]:
    rows = Program().get("setups/").json()
    return next(row for row in rows if row["slug"] == "night-train")


def test_setups_tell_their_versions_and_whether_they_are_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Setup.objects.get(slug="night-train")
    SetupVersion.objects.create(setup=row, version="1.0", digest="ab" * 32, content={})
    said = night_train()
    assert said["available"] is True
    assert [one["version"] for one in said["versions"]] == ["1.0"]  # type: ignore[index, attr-defined]
    assert said["versions"][0]["digest"] == "ab" * 32  # type: ignore[index]
    monkeypatch.setattr(presence, "of", lambda _row: Presence(False, "./dev images build x"))
    said = night_train()
    assert said["available"] is False
    assert "./dev" not in str(said), "what operators run is nobody else's business"


def test_a_program_moves_and_stays(alice: User, program: Tokened, make: Make) -> None:
    row = make(alice.personal_tenant, "stopped")
    caller = program(alice)
    path = f"desktops/{row.id}/"
    said = caller.get(path).json()
    assert (said["spec"]["setup_version"], said["newer_version"]) == ("0.6", "1.0")
    answer = caller.post(f"{path}stay/")
    assert (answer.status_code, answer.json()["spec"]["setup_version"]) == (202, "0.6")
    assert Desktop.objects.get(id=row.id).version_declined == "1.0"
    answer = caller.post(f"{path}move/")
    assert (answer.status_code, answer.json()["spec"]["setup_version"]) == (202, "1.0")
    assert answer.json()["newer_version"] is None
    problem(caller.post(f"{path}move/", {"to": "2.0"}), 422, "invalid")


def test_a_running_desktop_is_not_moved(alice: User, program: Tokened, make: Make) -> None:
    row = make(alice.personal_tenant, "running")
    problem(program(alice).post(f"desktops/{row.id}/move/"), 409, "not_now")


def test_what_is_not_here_or_never_was_is_not_launched(
    alice: User, program: Tokened, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = {"plan": "aigc-a4000", "setup": "night-train"}
    said = problem(
        program(alice).post("desktops/", wish | {"version": "0.1"}), 422, "unknown_setup"
    )
    assert said["errors"][0]["field"] == "setup"
    monkeypatch.setattr(presence, "of", lambda _row: Presence(here=False))
    problem(program(alice).post("desktops/", wish), 422, "setup_not_here")
    assert not Desktop.objects.exists()
