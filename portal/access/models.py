"""Tickets (once, 30 seconds) and desktop sessions (until revoked, 12 hours at most)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class Ticket(models.Model):
    """The right to open one desktop once. Kept only as its SHA-256."""

    hash = models.CharField(max_length=64, primary_key=True)
    desktop_id = models.UUIDField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    # Hash of the portal session it came from; logging out ends what came of it. Empty: API.
    portal_session_hash = models.CharField(max_length=64, blank=True)
    api_token = models.ForeignKey(
        "accounts.ApiToken", on_delete=models.CASCADE, null=True, related_name="+"
    )
    generation = models.PositiveIntegerField()
    app = models.CharField(max_length=40, blank=True)  # empty: the stream
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"ticket for {self.desktop_id}"


class DesktopSession(models.Model):
    """A browser that is let in to one desktop."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hash = models.CharField(max_length=64, unique=True)
    desktop_id = models.UUIDField(db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    portal_session_hash = models.CharField(max_length=64, blank=True)
    api_token = models.ForeignKey(
        "accounts.ApiToken", on_delete=models.CASCADE, null=True, related_name="+"
    )
    generation = models.PositiveIntegerField()
    app = models.CharField(max_length=40, blank=True)  # empty: the stream
    # What Django derives from the password: another password, another value.
    auth_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} at {self.desktop_id}"


class StreamHolder(models.Model):
    """The window that has a desktop's stream: whichever took it last (see `windows.py`)."""

    desktop_id = models.UUIDField(primary_key=True)
    window = models.CharField(max_length=32)
    session = models.ForeignKey(DesktopSession, on_delete=models.CASCADE, related_name="+")
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.session} since {self.taken_at}"
