from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from portal.accounts import audit
from portal.accounts.models import AuditEvent


@pytest.fixture
def event(alice, team, acting) -> AuditEvent:
    audit.record(acting(alice, team), "tenant.rename", team.id, old="A", name="B")
    return AuditEvent.objects.get(action="tenant.rename")


def test_it_says_who_did_what_where(event, alice, team):
    assert (event.user, event.tenant, event.object_id) == (alice, team, str(team.id))
    assert event.detail == {"old": "A", "name": "B"}


@pytest.mark.parametrize(
    "sql",
    [
        "update accounts_auditevent set action = 'nothing'",
        "delete from accounts_auditevent",
    ],
)
def test_the_database_refuses_to_change_it(event, sql):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert AuditEvent.objects.filter(id=event.id).exists()


def test_the_database_refuses_to_empty_it(event):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("set local atelier.truncate_allowed = 'no'")
        cursor.execute("truncate accounts_auditevent")
    assert AuditEvent.objects.filter(id=event.id).exists()


def test_it_outlives_the_person(event, alice, team):
    id, person = event.id, alice.id
    team.memberships.all().delete()
    alice.personal_tenant.delete()
    alice.delete()
    assert AuditEvent.objects.get(id=id).user_id == person
