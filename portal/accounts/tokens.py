"""API tokens: keys for programs. The secret is shown once and kept only as its hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import ApiToken, Tenant, User
from portal.accounts.permissions import Actor
from portal.accounts.tenants import actor_in

PREFIX = "at_"
PREFIX_SHOWN = 10
# `last_used_at` is for people who tidy up; a write for every call would cost more than it tells.
USE_NOTED_EVERY = timedelta(minutes=1)


def issue(user: User, tenant: Tenant, name: str) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, tenant=tenant, name=name[:80], hash=digest(secret), prefix=secret[:PREFIX_SHOWN]
    )
    return token, secret


def find(secret: str) -> Actor | None:
    """Who this secret speaks for, today: token, person, tenant and membership must all stand."""
    if not secret.startswith(PREFIX) or len(secret) > 200:
        return None
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(hash=digest(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    actor = actor_in(token.user, token.tenant_id, via="api") if token else None
    if token is None or actor is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(id=token.id).update(last_used_at=now)
    return replace(actor, api_token=token)


def revoke(token: ApiToken) -> bool:
    """False where it was revoked already."""
    updated = ApiToken.objects.filter(id=token.id, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    return updated == 1


def digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
