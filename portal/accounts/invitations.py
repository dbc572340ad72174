"""Invitations into a team: a code by mail, kept only as its hash, good once and for seven days.

Looking at an invitation never accepts it, and only the invited address can.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from portal.accounts import audit
from portal.accounts.models import Invitation, Membership, Role, Tenant, User
from portal.accounts.permissions import Actor, Forbidden, may_touch, require
from portal.accounts.tenants import Refused

GOOD_FOR = timedelta(days=7)
# Mail to strangers costs the site its good name; a team that needs more asks again later.
OPEN_MAX = 50

Address = Callable[[str], str]


def open_ones(tenant: Tenant) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        tenant=tenant, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    ).order_by("-created_at")


@transaction.atomic
def invite(actor: Actor | None, *, email: str, role: str, address: Address) -> Invitation:
    """Inviting the same address again replaces the earlier invitation.

    `address` makes the full address of the page for a code.
    """
    require(actor, "member.invite")
    assert actor is not None
    email = _checked(actor, email=email, role=role)
    Tenant.objects.select_for_update().get(id=actor.tenant.id)
    open_ones(actor.tenant).filter(email=email).update(revoked_at=timezone.now())
    if open_ones(actor.tenant).count() >= OPEN_MAX:
        message = _("{n} invitations are waiting for an answer already. Withdraw some first.")
        raise Refused("too_many", message.format(n=OPEN_MAX))
    code = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        tenant=actor.tenant,
        email=email,
        role=role,
        code_hash=_hash(code),
        invited_by=actor.user,
        expires_at=timezone.now() + GOOD_FOR,
    )
    audit.record(actor, "member.invite", invitation.id, email=email, role=role)
    transaction.on_commit(lambda: _send(invitation, address(code)))
    return invitation


@transaction.atomic
def withdraw(actor: Actor | None, invitation_id: str) -> None:
    require(actor, "member.invite")
    assert actor is not None
    updated = open_ones(actor.tenant).filter(id=invitation_id).update(revoked_at=timezone.now())
    if updated != 1:
        raise Refused("gone", _("This invitation is no longer open."))
    audit.record(actor, "member.invite", invitation_id, withdrawn=True)


def find(code: str) -> Invitation | None:
    """The open invitation of that code. Used, withdrawn and old ones are all alike: none."""
    return (
        Invitation.objects.select_related("tenant", "invited_by")
        .filter(code_hash=_hash(code), accepted_at=None, revoked_at=None)
        .filter(expires_at__gt=timezone.now(), tenant__is_active=True)
        .first()
    )


def is_for(invitation: Invitation, user: User) -> bool:
    """Only a verified address proves who was meant; holding the code does not."""
    mine = EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email)
    return bool(mine.exists())


@transaction.atomic
def accept(user: User, code: str) -> Tenant:
    """Twice is refused: the guarded update counts one row once."""
    invitation = find(code)
    if invitation is None:
        raise Refused("gone", _("This invitation is no longer open. Ask for a new one."))
    if not is_for(invitation, user):
        message = _("This invitation is for {email}. Sign in with that address.")
        raise Refused("not_you", message.format(email=invitation.email))
    updated = Invitation.objects.filter(
        id=invitation.id, accepted_at=None, revoked_at=None
    ).update(accepted_at=timezone.now())
    if updated != 1:
        raise Refused("gone", _("This invitation is no longer open. Ask for a new one."))
    member, _made = Membership.objects.get_or_create(
        user=user, tenant=invitation.tenant, defaults={"role": invitation.role}
    )
    actor = Actor(user=user, tenant=invitation.tenant, role=member.role)
    audit.record(actor, "member.join", user.id, invitation=str(invitation.id), role=member.role)
    return invitation.tenant


def _checked(actor: Actor, *, email: str, role: str) -> str:
    if actor.tenant.personal_of_id is not None:
        raise Refused("personal", _("Your own space is for you alone. Make a team first."))
    if role not in Role.values:
        raise Refused("unknown_role", _("There is no such role."))
    if not may_touch(actor, role):
        raise Forbidden("member.invite", _("Only an owner can make or change an owner."))
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        message = _("“{email}” is not a complete e-mail address.")
        raise Refused("bad_email", message.format(email=email)) from None
    if Membership.objects.filter(tenant=actor.tenant, user__email__iexact=email).exists():
        raise Refused("member", _("{email} is in the team already.").format(email=email))
    return email


def _send(invitation: Invitation, address: str) -> None:
    """In the invited person's language where we know it, else in the inviter's."""
    known = User.objects.filter(email__iexact=invitation.email).first()
    language = (known.language if known else "") or translation.get_language() or "en"
    with translation.override(language):
        context = {
            "team": invitation.tenant.name,
            "inviter": str(invitation.invited_by),
            "role": Role(invitation.role).label,
            "address": address,
            "days": GOOD_FOR.days,
        }
        send_mail(
            " ".join(render_to_string("accounts/mail/invitation_subject.txt", context).split()),
            render_to_string("accounts/mail/invitation.txt", context),
            settings.DEFAULT_FROM_EMAIL,
            [invitation.email],
        )


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
