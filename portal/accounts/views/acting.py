"""What every page about people begins with."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from portal.accounts.models import User
from portal.accounts.permissions import Actor


def acting(request: HttpRequest) -> Actor:
    """Who asks. Behind login_required it is None only where the person's last tenant is shut."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        raise PermissionDenied
    return actor


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
