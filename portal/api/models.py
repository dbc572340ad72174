"""What an `Idempotency-Key` answered, so that the same request twice has one effect."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class Replay(models.Model):
    """One kept answer. Written in the transaction of its effect: both are there, or neither."""

    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of who asked what.")
    status = models.PositiveSmallIntegerField(default=0)
    body: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    location = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="replay_key_once")]

    def __str__(self) -> str:
        return f"{self.key} → {self.status}"
