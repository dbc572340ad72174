"""Who may do what: one table of roles and actions, and the only place that says "may"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portal.accounts.models import ApiToken, Role, Tenant, User

Via = Literal["web", "api", "gateway", "command"]

_ALL = frozenset(Role.values)
_WORK = frozenset({Role.OWNER.value, Role.ADMIN.value, Role.MEMBER.value})
_LEAD = frozenset({Role.OWNER.value, Role.ADMIN.value})
_MONEY = frozenset({Role.OWNER.value, Role.BILLING.value})

ACTIONS: dict[str, frozenset[str]] = {
    "desktop.see": _ALL,
    "desktop.launch": _WORK,
    "desktop.start": _WORK,
    "desktop.stop": _WORK,
    "desktop.rename": _WORK,
    "desktop.delete": _LEAD,
    "desktop.open": _WORK,
    "member.see": _ALL,
    "member.invite": _LEAD,
    "member.change": _LEAD,
    "member.remove": _LEAD,
    "owner.change": frozenset({Role.OWNER.value}),
    "tenant.rename": _LEAD,
    "token.manage": _WORK,
    "wallet.see": _MONEY | {Role.ADMIN.value},
}


@dataclass(frozen=True)
class Actor:
    """A person, acting for a tenant in the role they have there."""

    user: User
    tenant: Tenant
    role: str
    via: Via = "web"
    api_token: ApiToken | None = None


class Forbidden(Exception):
    """The role does not include the action."""

    def __init__(self, action: str) -> None:
        super().__init__(f"not allowed: {action}")
        self.action = action


def may(actor: Actor | None, action: str) -> bool:
    """Whether this role includes this action. An unknown action is a mistake of ours."""
    return actor is not None and actor.role in ACTIONS[action]


def require(actor: Actor | None, action: str) -> None:
    """`may`, or Forbidden."""
    if not may(actor, action):
        raise Forbidden(action)


def actor_in(user: User, tenant_id: object, *, via: Via = "web") -> Actor | None:
    """This person in that tenant; None unless both are active and belong together."""
    membership = (
        user.memberships.filter(tenant_id=tenant_id, tenant__is_active=True)
        .select_related("tenant")
        .first()
    )
    if membership is None or not user.is_active:
        return None
    return Actor(user=user, tenant=membership.tenant, role=membership.role, via=via)
