"""API tokens: shown once, kept as SHA-256, found by it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import ApiToken, Tenant, User
from portal.accounts.permissions import Actor, actor_in

PREFIX = "at_"
# `last_used_at` is for people to look at; one write a minute is enough.
STAMP_AFTER = timedelta(minutes=1)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(user: User, tenant: Tenant, name: str) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody will see again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, tenant=tenant, name=name[:80], hash=digest(secret), prefix=secret[:10]
    )
    return token, secret


def find(secret: str) -> Actor | None:
    """Who holds this secret; None when it is unknown, revoked, expired or its person is gone."""
    if not secret.startswith(PREFIX) or len(secret) > 200:
        return None
    now = timezone.now()
    token = (
        ApiToken.objects.filter(hash=digest(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .select_related("user", "tenant")
        .first()
    )
    if token is None:
        return None
    actor = actor_in(token.user, token.tenant_id, via="api")
    if actor is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > STAMP_AFTER:
        ApiToken.objects.filter(id=token.id).update(last_used_at=now)
    return Actor(actor.user, actor.tenant, actor.role, via="api", api_token=token)


def revoke(token: ApiToken) -> None:
    ApiToken.objects.filter(id=token.id, revoked_at=None).update(revoked_at=timezone.now())
