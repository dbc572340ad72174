"""Writes down which machines there are. Called by the eye, with what a driver saw."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from provisioner.drivers.base import Machine
from provisioner.fleet.models import Node

_COLUMNS = ["ready", "labels", "capacity", "allocatable", "taken", "seen_at"]


def record(machines: Collection[Machine], *, at: datetime | None = None) -> None:
    """These machines there are, as of `at`; those not named are gone."""
    rows = [
        Node(
            name=machine.name,
            ready=machine.ready,
            labels=machine.labels,
            capacity=machine.capacity,
            allocatable=machine.allocatable,
            taken=machine.taken,
            seen_at=at or timezone.now(),
        )
        for machine in machines
    ]
    with transaction.atomic():
        Node.objects.exclude(name__in=[row.name for row in rows]).delete()
        Node.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["name"], update_fields=_COLUMNS
        )
