"""The only place that says "may": which role may do what, and who is asking.

A new permission is a row in ACTIONS. Everything that is named anywhere must stand here; asking for
an unknown action is a mistake in the program and raises LookupError.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from portal.accounts.models import ApiToken, Role, Tenant, User

OWNER, ADMIN, BILLING, MEMBER = (str(role) for role in Role.values)
EVERYONE = frozenset({OWNER, ADMIN, BILLING, MEMBER})
WORKERS = frozenset({OWNER, ADMIN, MEMBER})
LEADERS = frozenset({OWNER, ADMIN})
TREASURERS = frozenset({OWNER, ADMIN, BILLING})

ACTIONS: dict[str, frozenset[str]] = {
    "desktop.see": EVERYONE,
    "desktop.launch": WORKERS,
    "desktop.start": WORKERS,
    "desktop.stop": WORKERS,
    "desktop.rename": WORKERS,
    "desktop.move": WORKERS,  # to another version of its setup, or to stay
    "desktop.delete": LEADERS,  # a disk that others work on cannot come back
    "desktop.open": WORKERS,
    "member.see": EVERYONE,
    "member.invite": LEADERS,
    "member.change": LEADERS,
    "member.remove": LEADERS,
    "member.leave": EVERYONE,
    "tenant.rename": LEADERS,
    "token.manage": EVERYONE,
    "audit.see": LEADERS,
    "wallet.see": TREASURERS,
}

# Decided by people in the portal, never by a program that holds a token: a leaked token must not
# be able to make itself more friends.
ONLY_IN_PERSON = frozenset(
    action for action in ACTIONS if action.split(".")[0] in ("member", "tenant", "token", "audit")
)

# Nobody gives, changes or takes away a role above their own.
RANK = {OWNER: 3, ADMIN: 2, BILLING: 1, MEMBER: 1}


@dataclass(frozen=True)
class Actor:
    """A person at work in one tenant, in a role."""

    user: User
    tenant: Tenant
    role: str
    via: str = "web"
    api_token: ApiToken | None = None


class Forbidden(PermissionDenied):
    """The role does not allow it. `message` says so to the person."""

    def __init__(self, action: str, message: str) -> None:
        super().__init__(message)
        self.action = action
        self.message = message


def may(actor: Actor | None, action: str) -> bool:
    if action not in ACTIONS:
        raise LookupError(f"{action!r} is not in portal.accounts.permissions.ACTIONS")
    if actor is None or not (actor.user.is_active and actor.tenant.is_active):
        return False
    if actor.api_token is not None and action in ONLY_IN_PERSON:
        return False
    return actor.role in ACTIONS[action]


def require(actor: Actor | None, action: str) -> None:
    if may(actor, action):
        return
    if actor is None:
        raise Forbidden(action, _("Sign in first."))
    if actor.api_token is not None and action in ONLY_IN_PERSON:
        raise Forbidden(action, _("An API token cannot do this; sign in to the site instead."))
    role = Role(actor.role).label if actor.role in Role.values else actor.role
    message = _("Your role in {team} is “{role}”, which does not allow this.")
    raise Forbidden(action, message.format(team=actor.tenant.name, role=role))


def may_touch(actor: Actor, role: str) -> bool:
    """Whether somebody of that role, or the giving of it, is within the actor's reach."""
    return RANK.get(actor.role, 0) >= RANK[role]


def grantable(actor: Actor) -> list[str]:
    """The roles that the actor may give, highest first."""
    return [role for role in Role.values if may_touch(actor, role)]
