"""Desktops and everything that ever became of them.

Each column of `Desktop` has exactly one file that writes it (its pen): see the sections below and
`tests/test_house.py`, which checks it.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from provisioner import states
from provisioner.states import Desired, Observed, Status

# A start is tried this often before people are told that it failed.
MAX_ATTEMPTS = 3


def _choices(kind: type[Desired] | type[Observed]) -> list[tuple[str, str]]:
    return [(member.value, member.value) for member in kind]


class Desktop(models.Model):
    """One desktop: what was sold, what we want, what is, and when to look next."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    # The will (desktops.py).
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    spec = models.JSONField(help_text="What was sold, as sold: see desktops.Spec.")
    desired = models.CharField(
        max_length=8, choices=_choices(Desired), default=Desired.RUNNING.value
    )
    generation = models.PositiveIntegerField(default=1, help_text="Counts launches.")
    gpu_class = models.CharField(max_length=40, blank=True, help_text="As in `spec`; to count by.")
    version_declined = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="A newer one of its setup, not wanted.",
    )
    secret = models.CharField(max_length=64, help_text="New with every generation.")
    created_at = models.DateTimeField(default=timezone.now)
    wanted_at = models.DateTimeField(
        default=timezone.now, help_text="When `desired` or `generation` last changed."
    )

    # The eye (observer.py).
    observed = models.CharField(
        max_length=8, choices=_choices(Observed), default=Observed.ABSENT.value
    )
    observed_generation = models.PositiveIntegerField(null=True)
    observed_at = models.DateTimeField(null=True, help_text="When the world was last asked.")
    observed_since = models.DateTimeField(
        null=True, help_text="When `observed` last became what it is."
    )
    observed_revision = models.BigIntegerField(
        null=True, help_text="The world's own count of changes then, where it has one."
    )
    ready_generation = models.PositiveIntegerField(
        null=True, help_text="The newest launch that was ever ready; its disk was there then."
    )
    endpoint = models.CharField(max_length=255, blank=True)
    app_endpoints = models.JSONField(default=dict)
    reason = models.CharField(max_length=40, blank=True, help_text="Key of a cause sentence.")
    reason_detail = models.JSONField(default=dict)
    progress = models.JSONField(default=dict, help_text="See drivers.base.Observation.")
    limits = models.JSONField(default=list, help_text="Limits this machine could not set.")

    # The hand (reconciler.py).
    look_after = models.DateTimeField(null=True, default=timezone.now)
    held_by = models.IntegerField(null=True, help_text="The worker that works on it: lease.py.")
    attempts = models.PositiveSmallIntegerField(default=0)
    attempts_generation = models.PositiveIntegerField(default=0)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                condition=models.Q(erased_at=None) & ~models.Q(desired=Desired.DELETED.value),
                name="desktop_name_once_a_tenant",
            ),
        ]
        indexes = [
            # Keeps the sweep cheap however many desktops rest.
            models.Index(
                fields=["look_after"],
                condition=models.Q(look_after__isnull=False),
                name="desktop_due",
            ),
            # What dead workers left: see lease.py.
            models.Index(
                fields=["held_by"],
                condition=models.Q(held_by__isnull=False),
                name="desktop_held",
            ),
            models.Index(fields=["tenant", "-created_at"], name="desktop_of_tenant"),
            # Who takes or wants a card: a few thousand at most, however many ever lived.
            models.Index(
                fields=["gpu_class"],
                condition=models.Q(desired="running") | ~models.Q(observed="absent"),
                name="desktop_alive_by_class",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def stale(self) -> bool:
        """What exists is of an older launch than the one we want."""
        return self.observed_generation is not None and self.observed_generation < self.generation

    @property
    def exhausted(self) -> bool:
        """Every attempt of this launch is spent."""
        return self.attempts_generation == self.generation and self.attempts >= MAX_ATTEMPTS

    @property
    def waiting(self) -> bool:
        """Nothing is free for it."""
        told_for = self.reason_detail.get("generation")
        return self.reason in ("gpu_none_free", "tenant_limit") and told_for == self.generation

    @property
    def overdue(self) -> bool:
        """Pending for longer than a start may take, and nothing long is seen to go on."""
        if self.observed != Observed.PENDING or self.observed_since is None:
            return False
        if self.reason == "gpu_none_free":
            return False  # it waits for a card, not for a start
        since = self.observed_since
        if moved := self.progress.get("moved_at"):
            since = max(since, datetime.fromisoformat(moved))
        limit = timedelta(seconds=settings.ATELIER.start_deadline_s)
        return timezone.now() - since > limit

    @property
    def status(self) -> Status:
        """The word people see; computed, never stored."""
        return states.status(
            Desired(self.desired),
            Observed(self.observed),
            stale=self.stale,
            exhausted=self.exhausted,
            waiting=self.waiting,
            erased=self.erased_at is not None,
        )


class Listening(models.Model):
    """One row: how fresh what the watch knows is. Written by the watch and by surveys."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    leader = models.CharField(max_length=80, blank=True, help_text="host:pid of the watch.")
    heard_at = models.DateTimeField(null=True, help_text="When its streams were last known alive.")
    surveyed_at = models.DateTimeField(null=True, help_text="When everything was last looked at.")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="listening_one_row")]

    def __str__(self) -> str:
        return f"{self.leader or 'nobody'} at {self.heard_at}"


class FilesRoom(models.Model):
    """Where the files of a desktop that rests can be looked at. Written by `provisioner.files`."""

    desktop = models.OneToOneField(Desktop, on_delete=models.CASCADE, primary_key=True)
    generation = models.PositiveIntegerField(help_text="Of the rest that it was opened in.")
    asked_at = models.DateTimeField()
    endpoint = models.CharField(max_length=300, blank=True)
    cause = models.CharField(max_length=60, blank=True, help_text="Why it could not be opened.")

    def __str__(self) -> str:
        return f"{self.desktop_id}: {self.endpoint or self.cause or 'asked for'}"


class Transition(models.Model):
    """One thing that became of a desktop. Append-only: a trigger refuses anything else."""

    class Source(models.TextChoices):
        WILL = "will", "what we wanted"
        EYE = "eye", "what was seen"
        HAND = "hand", "what was done"

    desktop = models.ForeignKey(Desktop, on_delete=models.PROTECT, related_name="transitions")
    seq = models.PositiveIntegerField(help_text="1, 2, 3, … within the desktop, without gaps.")
    at = models.DateTimeField(help_text="When it happened, as far as is known.")
    written_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=4, choices=Source.choices)
    desired = models.CharField(max_length=8)
    observed = models.CharField(max_length=8)
    generation = models.PositiveIntegerField()
    status = models.CharField(max_length=8, help_text="The word that people saw from here on.")
    reason = models.CharField(max_length=40, blank=True)
    detail: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        ordering = ["desktop", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["desktop", "seq"], name="transition_seq_once")
        ]

    def __str__(self) -> str:
        return f"{self.desktop_id} #{self.seq}: {self.status}"
