"""The will: wishes, names, routes."""

from __future__ import annotations

import pytest
from django.db import transaction

from provisioner import desktops
from provisioner.desktops import NameTaken, Spec
from provisioner.errors import NotAllowedNow
from provisioner.states import Observed
from tests.provisioner.conftest import SPEC, Room


def test_a_spec_survives_being_kept_as_json() -> None:
    assert Spec.from_json(SPEC.to_json()) == SPEC


def test_a_name_is_taken_once_a_tenant_and_free_again_after_deletion(room: Room) -> None:
    desktop = room.launch("Quiet harbour")
    with pytest.raises(NameTaken):
        room.launch("Quiet harbour")
    other = room.launch("Rainy crossing")
    with pytest.raises(NameTaken), transaction.atomic():
        desktops.rename(other.id, name="Quiet harbour")
    desktops.delete(desktop.id)
    desktops.rename(other.id, name="Quiet harbour")


def test_wishing_twice_changes_nothing(room: Room) -> None:
    desktop = room.running()
    again = desktops.start(desktop.id)
    assert again.generation == desktop.generation
    desktops.stop(desktop.id)
    wanted_at = desktops.stop(desktop.id).wanted_at
    assert desktops.stop(desktop.id).wanted_at == wanted_at


def test_what_is_deleted_cannot_be_started(room: Room) -> None:
    desktop = room.running()
    desktops.delete(desktop.id)
    with pytest.raises(NotAllowedNow):
        desktops.start(desktop.id)


def test_there_is_a_route_only_while_it_runs(room: Room) -> None:
    desktop = room.launch()
    assert desktops.route(desktop.id) is None
    room.work()
    assert desktops.route(desktop.id) is None
    room.world.advance(desktop.id, Observed.READY)
    room.work()
    route = desktops.route(desktop.id)
    assert route is not None
    assert route.secret == room.get(desktop.id).secret
    desktops.stop(desktop.id)
    assert desktops.route(desktop.id) is None


def test_no_route_leads_to_the_machine_of_an_older_launch(room: Room) -> None:
    desktop = room.running()
    desktops.stop(desktop.id)
    desktops.start(desktop.id)  # the first machine still runs
    assert desktops.route(desktop.id) is None


def test_an_erased_desktop_is_seen_by_nobody(room: Room) -> None:
    desktop = room.running()
    desktops.delete(desktop.id)
    room.work(2)
    assert list(desktops.visible_to(room.tenant.id)) == []
    assert desktops.find(desktop.id) is None
