"""Tenants and who belongs to them: making, joining, changing, leaving.

Rules that hold for every door in: a personal tenant has exactly one person in it, and every
tenant keeps at least one owner.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import display_names
from portal.accounts import audit
from portal.accounts.models import ApiToken, Invitation, Membership, Role, Tenant, User
from portal.accounts.permissions import Actor, Forbidden, may_touch, require

NAME_LENGTH_MAX = 80


class Refused(Exception):
    """Not now, or not this. `message` says why, in words for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@transaction.atomic
def ensure_personal(user: User) -> Tenant:
    """The tenant that every person has alone. Asking again answers the same one."""
    tenant, _created = Tenant.objects.get_or_create(
        personal_of=user, defaults={"name": user.get_short_name()[:NAME_LENGTH_MAX]}
    )
    Membership.objects.get_or_create(user=user, tenant=tenant, defaults={"role": Role.OWNER})
    return tenant


def actor_in(user: User, tenant_id: str | UUID, *, via: str = "web") -> Actor | None:
    """The person at work in that tenant; None unless both are active and belong together."""
    if not user.is_active:
        return None
    member = (
        Membership.objects.select_related("tenant")
        .filter(user=user, tenant_id=tenant_id, tenant__is_active=True)
        .first()
    )
    return Actor(user=user, tenant=member.tenant, role=member.role, via=via) if member else None


def actor_of(user: User, *, chosen: str = "") -> Actor | None:
    """In the chosen tenant; where that membership ended, in the person's own."""
    actor = actor_in(user, chosen) if chosen else None
    return actor or actor_in(user, _personal_id(user))


def _personal_id(user: User) -> UUID:
    found = Tenant.objects.filter(personal_of=user).values_list("id", flat=True).first()
    return found or ensure_personal(user).id


@transaction.atomic
def create_team(actor: Actor, *, name: str) -> Tenant:
    """Anybody may found a team, and owns it then."""
    tenant = Tenant.objects.create(name=_checked(name))
    Membership.objects.create(user=actor.user, tenant=tenant, role=Role.OWNER)
    founder = Actor(user=actor.user, tenant=tenant, role=Role.OWNER.value, via=actor.via)
    audit.record(founder, "tenant.create", str(tenant.id), name=tenant.name)
    return tenant


@transaction.atomic
def rename(actor: Actor | None, *, name: str) -> None:
    require(actor, "tenant.rename")
    assert actor is not None
    name = _checked(name)
    before = Tenant.objects.select_for_update().get(id=actor.tenant.id)
    if before.name != name:
        Tenant.objects.filter(id=before.id).update(name=name)
        audit.record(actor, "tenant.rename", str(before.id), old=before.name, name=name)


@transaction.atomic
def change_role(actor: Actor | None, membership_id: int, *, role: str) -> None:
    require(actor, "member.change")
    assert actor is not None
    member = _locked(actor, membership_id)
    if role not in Role.values:
        raise Refused("unknown_role", _("There is no such role."))
    if not (may_touch(actor, member.role) and may_touch(actor, role)):
        raise Forbidden("member.change", _("Only an owner can make or change an owner."))
    if member.role == role:
        return
    _keep_an_owner(member)
    Membership.objects.filter(id=member.id).update(role=role)
    audit.record(actor, "member.change", str(member.user_id), old=member.role, role=role)


@transaction.atomic
def remove(actor: Actor | None, membership_id: int) -> None:
    require(actor, "member.remove")
    assert actor is not None
    member = _locked(actor, membership_id)
    if not may_touch(actor, member.role):
        raise Forbidden("member.remove", _("Only an owner can remove an owner."))
    _end(actor, member, "member.remove")


@transaction.atomic
def leave(actor: Actor | None) -> None:
    require(actor, "member.leave")
    assert actor is not None
    members = Membership.objects.filter(tenant=actor.tenant, user=actor.user)
    _end(actor, _locked(actor, members.get().id), "member.leave")


def _end(actor: Actor, member: Membership, action: str) -> None:
    if member.tenant.personal_of_id == member.user_id:
        raise Refused("personal", _("This is your own space; nobody can leave it."))
    _keep_an_owner(member)
    audit.record(actor, action, str(member.user_id), role=member.role)
    # Nothing of theirs may open the door again, not even after they were invited anew.
    now, gone = timezone.now(), {"tenant": member.tenant, "revoked_at": None}
    ApiToken.objects.filter(user=member.user, **gone).update(revoked_at=now)
    Invitation.objects.filter(invited_by=member.user, accepted_at=None, **gone).update(
        revoked_at=now
    )
    member.delete()  # with its signal: whoever lets people in listens


def _locked(actor: Actor, membership_id: int) -> Membership:
    """One of the actor's team. The lock on the tenant makes "the last owner" a fact."""
    Tenant.objects.select_for_update().get(id=actor.tenant.id)
    found = Membership.objects.select_related("tenant", "user").filter(
        tenant=actor.tenant, id=membership_id
    )
    member = found.first()
    if member is None:
        raise Refused("gone", _("This person is no longer in the team."))
    return member


def _keep_an_owner(member: Membership) -> None:
    """Called before an owner stops being one."""
    if member.role != Role.OWNER:
        return
    others = Membership.objects.filter(tenant=member.tenant, role=Role.OWNER).exclude(id=member.id)
    if not others.exists():
        message = _("{team} needs an owner. Make somebody else an owner first.")
        raise Refused("last_owner", message.format(team=member.tenant.name))


def _checked(name: str) -> str:
    name = display_names.clean(name)
    if not name:
        raise Refused("no_name", _("Give the team a name."))
    if len(name) > NAME_LENGTH_MAX:
        message = _("A name has at most {n} characters.")
        raise Refused("long_name", message.format(n=NAME_LENGTH_MAX))
    if not display_names.can_be_shown(name):
        raise Refused("unshowable_name", display_names.unshowable())
    return name


def memberships_of(user: User) -> list[Membership]:
    """Where the person may work, the own space first."""
    found = Membership.objects.select_related("tenant").filter(user=user, tenant__is_active=True)
    return sorted(found, key=lambda one: (one.tenant.personal_of_id is None, one.tenant.name))


def members_of(tenant: Tenant) -> QuerySet[Membership]:
    return tenant.memberships.select_related("user").order_by("joined_at", "id")
