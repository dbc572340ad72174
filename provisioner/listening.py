"""How fresh our knowledge of the world is: what the watch and the surveys say of themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from provisioner.models import Listening

# A watch whose streams were not known to be alive for longer does not count as one.
HEARS = timedelta(seconds=90)
SURVEYED = timedelta(minutes=20)


def note(**columns: Any) -> None:
    """Write down `leader`, `heard_at` or `surveyed_at`."""
    Listening.objects.update_or_create(id=1, defaults=columns)


def is_fresh() -> bool:
    """Somebody listens, has missed nothing lately, and looked at everything not long ago."""
    row = Listening.objects.filter(id=1).first()
    if row is None or row.heard_at is None or row.surveyed_at is None:
        return False
    now = timezone.now()
    return now - row.heard_at < HEARS and now - row.surveyed_at < SURVEYED


def age_s() -> float | None:
    """Seconds since nothing can have been missed; None where nobody ever listened."""
    row = Listening.objects.filter(id=1).first()
    if row is None or row.heard_at is None:
        return None
    return (timezone.now() - row.heard_at).total_seconds()
