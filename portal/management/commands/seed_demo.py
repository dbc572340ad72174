"""People to try the platform with, on a machine of one's own."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.accounts.models import User
from portal.supervisor.panel import DEMO, STAFF


class Command(BaseCommand):
    help = (
        "Make the demo log-ins. Their passwords are no secret, so only a loopback portal has them."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.MAILBOX:
            raise CommandError("Demo log-ins exist only where the portal listens on loopback.")
        with transaction.atomic():
            _person(*DEMO, name="Demo")
            olga = _person(*STAFF, name="Olga")
            if not olga.is_staff:
                User.objects.filter(id=olga.id).update(is_staff=True, is_superuser=True)


def _person(email: str, password: str, *, name: str) -> User:
    """Made once; whatever people changed since is left alone."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    try:
        from portal.accounts.tenants import ensure_personal
    except ImportError:
        return user
    ensure_personal(user)
    return user
