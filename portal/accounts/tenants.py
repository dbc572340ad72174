"""Tenants: everybody has a personal one, and may belong to more."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from portal.accounts.models import Membership, Role, Tenant, User
from portal.accounts.permissions import Actor, actor_in

SESSION_KEY = "tenant"


@transaction.atomic
def ensure_personal(user: User) -> Tenant:
    """The person's own tenant, made when it is not there yet."""
    User.objects.select_for_update().get(id=user.id)
    tenant, made = Tenant.objects.get_or_create(
        personal_of=user, defaults={"name": user.get_short_name()[:80]}
    )
    if made:
        Membership.objects.create(user=user, tenant=tenant, role=Role.OWNER)
    return tenant


def current(request: HttpRequest) -> Actor | None:
    """Who acts, and for which tenant: the chosen one while the membership lasts."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    chosen = request.session.get(SESSION_KEY)
    if chosen:
        actor = actor_in(user, chosen)
        if actor is not None:
            return actor
        del request.session[SESSION_KEY]
    return actor_in(user, ensure_personal_id(user))


def ensure_personal_id(user: User) -> UUID:
    found = Tenant.objects.filter(personal_of=user).values_list("id", flat=True).first()
    return found or ensure_personal(user).id


def choose(request: HttpRequest, tenant_id: UUID) -> bool:
    """Act for another tenant from now on; False when the person does not belong there."""
    if not isinstance(request.user, User) or actor_in(request.user, tenant_id) is None:
        return False
    request.session[SESSION_KEY] = str(tenant_id)
    return True
