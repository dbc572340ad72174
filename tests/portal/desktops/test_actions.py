"""Who may do what with desktops, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.utils import translation

from portal.accounts.models import AuditEvent, Membership, Role, Tenant, User
from portal.accounts.permissions import Actor, Forbidden
from portal.desktops import actions
from portal.desktops.actions import NotFound, Refused
from provisioner.desktops import Desktop, Spec
from tests.portal.desktops.conftest import Make

Acting = Callable[..., Actor]
pytestmark = pytest.mark.django_db

VERBS = [actions.start, actions.stop, actions.delete]


def launch(actor: Actor, **changes: str) -> Desktop:
    return actions.launch(actor, **({"plan": "aigc-a4000", "setup": "blank"} | changes))


def test_it_launches_what_was_chosen_as_it_is_sold_now(
    catalogue: None, alice: User, team: Tenant, acting: Acting
) -> None:
    desktop = launch(acting(alice, team), setup="night-train", name="  Ink   studies ")
    assert (desktop.name, desktop.tenant, desktop.desired) == ("Ink studies", team, "running")
    spec = Spec.from_json(desktop.spec)
    assert (spec.plan, spec.cpu_millis, spec.disk_gib) == ("aigc-a4000", 16000, 300)
    assert (spec.gpu_class, spec.gpu_count, spec.vram_mib) == ("rtx-a4000", 1, 16384)
    assert (spec.setup, spec.setup_title_zh) == ("night-train", "夜车")
    event = AuditEvent.objects.get(action="desktop.launch")
    assert (event.user, event.tenant, event.object_id) == (alice, team, str(desktop.id))


def test_it_makes_up_a_name_that_the_team_does_not_have(
    catalogue: None, alice: User, acting: Acting
) -> None:
    names = {launch(acting(alice)).name for _launch in range(5)}
    assert len(names) == 5


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"plan": "aigc-9000"}, "unknown_plan", "plan"),
        ({"setup": "nothing"}, "unknown_setup", "setup"),
        ({"setup": "giant"}, "vram_too_small", "plan"),
        ({"plan": "files", "setup": "night-train"}, "vram_too_small", "plan"),
        ({"name": "x" * 61}, "name_too_long", "name"),
        ({"name": "bell\x07"}, "name_unprintable", "name"),
    ],
)
def test_it_refuses_with_a_code_a_field_and_a_sentence(
    catalogue: None, alice: User, acting: Acting, changes: dict[str, str], code: str, field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        launch(acting(alice), **changes)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert refusal.value.message and "{" not in refusal.value.message
    assert not Desktop.objects.exists()
    assert not AuditEvent.objects.filter(action="desktop.launch").exists()


def test_it_says_how_much_video_memory_is_missing_in_both_languages(
    catalogue: None, alice: User, acting: Acting
) -> None:
    def message() -> str:
        with pytest.raises(Refused) as refusal:
            launch(acting(alice), setup="giant")
        return refusal.value.message

    assert message() == "Giant needs 48 GB of video memory. This card has 16 GB."
    with translation.override("zh-hans"):
        assert message() == "「巨人」需要 48 GB 显存，这块卡只有 16 GB。"


def test_it_refuses_a_name_that_the_team_has_but_not_a_strangers(
    catalogue: None, alice: User, charlie: User, acting: Acting
) -> None:
    launch(acting(alice), name="Ink studies")
    with pytest.raises(Refused) as refusal:
        launch(acting(alice), name="Ink studies")
    assert (refusal.value.code, refusal.value.field) == ("name_taken", "name")
    assert launch(acting(charlie), name="Ink studies").name == "Ink studies"


def test_a_form_that_is_sent_twice_launches_one_desktop(
    catalogue: None, alice: User, charlie: User, acting: Acting
) -> None:
    first = launch(acting(alice), name="Ink studies", once="abc")
    assert launch(acting(alice), name="Ink studies", once="abc") == first
    assert launch(acting(alice), once="other") != first
    # The same text of somebody else is another launch, and tells nothing.
    assert launch(acting(charlie), once="abc") != first


def test_a_form_sent_again_after_the_desktop_was_deleted_launches_anew(
    catalogue: None, alice: User, acting: Acting
) -> None:
    first = launch(acting(alice), name="Ink studies", once="abc")
    actions.delete(acting(alice), first.id)
    again = launch(acting(alice), name="Ink studies", once="abc")
    assert again != first
    assert launch(acting(alice), once="abc") == again


def test_members_work_with_the_teams_desktops_but_do_not_delete_them(
    make: Make, alice: User, bob: User, team: Tenant, acting: Acting
) -> None:
    desktop = make(team, "running")
    assert actions.stop(acting(bob, team), desktop.id).desired == "stopped"
    assert actions.start(acting(alice, team), desktop.id).desired == "running"
    assert actions.rename(acting(bob, team), desktop.id, name="Ink").name == "Ink"
    with pytest.raises(Forbidden):
        actions.delete(acting(bob, team), desktop.id)
    assert actions.delete(acting(alice, team), desktop.id).desired == "deleted"
    done = AuditEvent.objects.filter(object_id=str(desktop.id)).values_list("action", flat=True)
    assert sorted(done) == ["desktop.delete", "desktop.rename", "desktop.start", "desktop.stop"]


@pytest.mark.parametrize("verb", VERBS)
def test_strangers_desktops_do_not_exist(
    make: Make, team: Tenant, charlie: User, bob: User, acting: Acting, verb: Callable[..., object]
) -> None:
    desktop = make(team, "running")
    for actor in (acting(charlie), acting(bob)):  # bob's own tenant is not the team
        with pytest.raises(NotFound):
            verb(actor, desktop.id)
        with pytest.raises(NotFound):
            actions.find(actor, desktop.id)
        with pytest.raises(NotFound):
            actions.rename(actor, desktop.id, name="Mine")
    desktop.refresh_from_db()
    assert desktop.desired == "running"


def test_nobody_and_unknown_ids(make: Make, alice: User, acting: Acting) -> None:
    with pytest.raises(Forbidden):
        actions.find(None, uuid4())
    with pytest.raises(NotFound):
        actions.find(acting(alice), uuid4())


def test_the_billing_role_looks_but_does_not_touch(
    catalogue: None, make: Make, bob: User, team: Tenant, acting: Acting
) -> None:
    Membership.objects.filter(user=bob, tenant=team).update(role=Role.BILLING)
    desktop = make(team, "running")
    actor = acting(bob, team)
    assert actions.find(actor, desktop.id) == desktop
    for verb in VERBS:
        with pytest.raises(Forbidden):
            verb(actor, desktop.id)
    with pytest.raises(Forbidden):
        launch(actor)


def test_pressing_twice_is_pressing_once(
    make: Make, alice: User, team: Tenant, acting: Acting
) -> None:
    desktop = make(team, "stopped")
    actor = acting(alice, team)
    first = actions.start(actor, desktop.id)
    second = actions.start(actor, desktop.id)
    assert first.generation == second.generation == 2
    assert AuditEvent.objects.filter(action="desktop.start").count() == 1


def test_what_is_being_deleted_cannot_be_started(
    make: Make, alice: User, team: Tenant, acting: Acting
) -> None:
    desktop = make(team, "deleting")
    with pytest.raises(Refused) as refusal:
        actions.start(acting(alice, team), desktop.id)
    assert refusal.value.code == "not_now"
    assert "Rainy crossing" in refusal.value.message


def test_renaming_keeps_names_unique_in_the_team(
    make: Make, alice: User, team: Tenant, acting: Acting
) -> None:
    make(team, "stopped", name="Ink studies")
    desktop = make(team, "stopped", name="Night platform")
    actor = acting(alice, team)
    with pytest.raises(Refused) as refusal:
        actions.rename(actor, desktop.id, name=" Ink studies ")
    assert refusal.value.code == "name_taken"
    with pytest.raises(Refused):
        actions.rename(actor, desktop.id, name="   ")
    assert actions.rename(actor, desktop.id, name="Night platform") == desktop
    assert not AuditEvent.objects.filter(action="desktop.rename").exists()
