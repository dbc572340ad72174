"""A desktop keeps the version it was made with, until somebody moves it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from portal.accounts.models import AuditEvent, Tenant, User
from portal.accounts.permissions import Forbidden
from portal.catalog import presence, versions
from portal.catalog.models import Setup
from portal.catalog.presence import Presence
from portal.desktops import actions
from portal.desktops.actions import NotFound, Refused
from provisioner import desktops
from provisioner.desktops import Desktop, Spec
from tests.portal.desktops.conftest import SPEC, Make
from tests.portal.desktops.test_actions import Acting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
NEW_APPS = [{"name": "webui", "port": 7861, "title": "WebUI", "health": "/healthz"}]


@pytest.fixture
def at(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def publish(version: str, slug: str = "night-train", **changes: Any) -> None:
    """The catalogue goes on."""
    Setup.objects.filter(slug=slug).update(version=version, **changes)


def spec(desktop: Desktop) -> Spec:
    return Spec.from_json(Desktop.objects.get(id=desktop.id).spec)


def page(at: Client, id: UUID) -> str:
    text = at.get(f"/desktops/{id}/").content.decode()
    return re.sub(r"\s+", " ", text)


def test_a_launched_desktop_keeps_its_spec_when_the_catalogue_changes(
    alice: User, acting: Acting
) -> None:
    desktop = actions.launch(acting(alice), plan="aigc-a4000", setup="night-train")
    before = spec(desktop)
    assert before.setup_version == "1.0"
    publish("1.1", apps=NEW_APPS, title_en="Later Train", image="registry.example.org/t:1.1")
    Setup.objects.filter(slug="night-train").update(min_vram_mib=15 * 1024)
    assert spec(desktop) == before
    actions.stop(acting(alice), desktop.id)
    actions.start(acting(alice), desktop.id)
    assert spec(desktop) == before, "stopping and starting is no move"


def test_a_move_changes_the_setup_and_nothing_else(
    make: Make, alice: User, team: Tenant, acting: Acting
) -> None:
    desktop = make(team, "stopped")
    before = spec(desktop)
    publish("1.1", apps=NEW_APPS, title_en="Later Train", title_zh="晚车")
    moved = actions.move(acting(alice, team), desktop.id)
    after = spec(moved)
    assert (after.setup, after.setup_version) == ("night-train", "1.1")
    assert (after.setup_title_en, after.setup_title_zh) == ("Later Train", "晚车")
    assert after.apps == tuple(NEW_APPS)
    sold = {name: value for name, value in after.to_json().items() if "setup_" not in name}
    assert sold | {"apps": []} == {
        name: value for name, value in before.to_json().items() if "setup_" not in name
    }
    fresh = Desktop.objects.get(id=desktop.id)
    unmoved = ("name", "desired", "generation", "secret", "observed", "look_after")
    assert [getattr(fresh, name) for name in unmoved] == [
        getattr(desktop, name) for name in unmoved
    ]
    event = AuditEvent.objects.get(action="desktop.move")
    assert event.detail == {"setup": "night-train", "old": "0.6", "version": "1.1"}
    assert actions.move(acting(alice, team), desktop.id).spec == fresh.spec
    assert AuditEvent.objects.filter(action="desktop.move").count() == 1, "twice is once"


@pytest.mark.parametrize("status", ["queued", "starting", "running", "deleting"])
def test_it_moves_only_while_it_rests(
    make: Make, alice: User, team: Tenant, acting: Acting, status: str
) -> None:
    desktop = make(team, status)
    before = spec(desktop)
    with pytest.raises(Refused) as refused:
        actions.move(acting(alice, team), desktop.id)
    assert refused.value.code == "not_now"
    assert ("being deleted" if status == "deleting" else "Stop") in refused.value.message
    assert spec(desktop) == before
    assert not AuditEvent.objects.filter(action="desktop.move").exists()


@pytest.mark.parametrize("status", ["stopped", "stopping", "failed"])
def test_it_moves_when_it_rests_or_failed(
    make: Make, alice: User, team: Tenant, acting: Acting, status: str
) -> None:
    desktop = make(team, status)
    assert actions.move(acting(alice, team), desktop.id)
    assert spec(desktop).setup_version == "1.0"


def test_what_cannot_be_launched_cannot_be_moved_to(
    make: Make, alice: User, team: Tenant, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = make(team, "stopped")

    def refusal() -> str:
        with pytest.raises(Refused) as refused:
            actions.move(acting(alice, team), desktop.id)
        assert spec(desktop) == SPEC
        return refused.value.code

    publish("1.1", min_vram_mib=48 * 1024)
    assert refusal() == "vram_too_small"
    publish("1.1", min_vram_mib=0, offered=False)
    assert refusal() == "unknown_setup"
    publish("1.1", offered=True)
    monkeypatch.setattr(presence, "of", lambda _setup: Presence(here=False))
    assert refusal() == "setup_not_here"


def test_another_setup_is_no_move(make: Make, team: Tenant) -> None:
    desktop = make(team, "stopped")
    with pytest.raises(ValueError, match="another setup"):
        desktops.move(desktop.id, spec=Spec.from_json(desktop.spec | {"setup": "blank"}))


def test_who_may_move_and_who_may_not(
    make: Make, alice: User, bob: User, charlie: User, team: Tenant, acting: Acting
) -> None:
    desktop = make(team, "stopped")
    for verb in (actions.move, actions.stay):
        with pytest.raises(NotFound):
            verb(acting(charlie), desktop.id)
        with pytest.raises(Forbidden):
            verb(replace(acting(alice, team), role="billing"), desktop.id)
        with pytest.raises(Forbidden):
            verb(None, desktop.id)
    assert actions.move(acting(bob, team), desktop.id)


def test_the_page_asks_once_and_moves(make: Make, at: Client, alice: User) -> None:
    desktop = make(alice.personal_tenant, "stopped")
    text = page(at, desktop.id)
    assert "Version 1.0 is out." in text
    assert "This desktop has 0.6." in text
    assert at.post(f"/desktops/{desktop.id}/move/").status_code == 302
    assert spec(desktop).setup_version == "1.0"
    assert "is out." not in page(at, desktop.id)


def test_staying_hides_the_notice_until_the_next_version(
    make: Make, at: Client, alice: User
) -> None:
    desktop = make(alice.personal_tenant, "running")
    text = page(at, desktop.id)
    assert "Version 1.0 is out." in text
    assert "Stop it first to move." in text
    assert "/move/" not in text
    assert at.post(f"/desktops/{desktop.id}/stay/").status_code == 302
    assert spec(desktop) == SPEC
    assert "is out." not in page(at, desktop.id)
    assert AuditEvent.objects.get(action="desktop.stay").detail == {"version": "1.0"}
    at.post(f"/desktops/{desktop.id}/stay/")
    assert AuditEvent.objects.filter(action="desktop.stay").count() == 1
    publish("1.1")
    assert "Version 1.1 is out." in page(at, desktop.id)


def test_the_page_says_it_in_chinese(make: Make, at: Client, alice: User) -> None:
    desktop = make(alice.personal_tenant, "stopped")
    at.post("/i18n/setlang/", {"language": "zh-hans"})
    text = page(at, desktop.id)
    assert "1.0 版已发布" in text
    assert "移到 1.0 版" in text and "留在 0.6 版" in text


@pytest.mark.parametrize(
    "changes",
    [{"offered": False}, {"min_vram_mib": 48 * 1024}, {"version": "0.6"}],
    ids=["withdrawn", "too large for its card", "the same"],
)
def test_it_does_not_ask_for_what_cannot_be_had(
    make: Make, at: Client, alice: User, changes: dict[str, Any]
) -> None:
    desktop = make(alice.personal_tenant, "stopped")
    assert "is out." in page(at, desktop.id)
    Setup.objects.filter(slug="night-train").update(**changes)
    assert "is out." not in page(at, desktop.id)


def test_an_earlier_version_can_still_be_launched(
    alice: User, acting: Acting, at: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "of", lambda _setup: presence.HERE)
    row = Setup.objects.get(slug="blank")
    columns = {
        field.name: getattr(row, field.name)
        for field in Setup._meta.concrete_fields
        if field.name != "slug"
    }
    versions.publish(Path("setup.toml"), "blank", columns=columns, may_change=False)
    publish("1.1", slug="blank", apps=NEW_APPS)
    old = actions.launch(acting(alice), plan="files", setup="blank", version="1.0")
    new = actions.launch(acting(alice), plan="files", setup="blank")
    assert (spec(old).setup_version, spec(old).apps) == ("1.0", ())
    assert (spec(new).setup_version, spec(new).apps) == ("1.1", tuple(NEW_APPS))
    with pytest.raises(Refused) as refused:
        actions.launch(acting(alice), plan="files", setup="blank", version="0.1")
    assert refused.value.code == "unknown_setup"

    # The form carries it along, and drops it when another setup is chosen after all.
    text = at.get("/desktops/new/?setup=blank&version=1.0").content.decode()
    assert 'name="edition" value="blank@1.0"' in text
    form = {"plan": "aigc-a4000", "edition": "blank@1.0", "name": ""}
    for setup, version in (("blank", "1.0"), ("night-train", "1.0")):
        answer = at.post("/desktops/new/", form | {"setup": setup})
        desktop = Desktop.objects.get(id=answer.headers["Location"].split("/")[2])
        assert (spec(desktop).setup, spec(desktop).setup_version) == (setup, version)
