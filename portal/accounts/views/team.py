"""The team: who belongs to it, who is invited, in which role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts import invitations, tenants
from portal.accounts.forms import InviteForm, TeamForm, role_choices
from portal.accounts.middleware import SESSION_KEY
from portal.accounts.permissions import Forbidden, may, may_touch, require
from portal.accounts.views.acting import acting, person
from portal.accounts.views.invitation import address_of


@login_required
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return _page(request)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = acting(request)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = tenants.create_team(actor, name=form.cleaned_data["name"])
        request.session[SESSION_KEY] = str(team.id)
        return redirect("accounts:team")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/team_new.html", {"form": form}, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    actor = acting(request)
    require(actor, "member.invite")
    form = InviteForm(request.POST or None, actor=actor, initial={"role": "member"})
    if request.method == "POST" and form.is_valid():
        emails = form.cleaned_data["emails"]
        if _invited(request, form, emails):
            text = ngettext("Invitation sent.", "{n} invitations sent.", len(emails))
            messages.info(request, text.format(n=len(emails)))
            return redirect("accounts:team")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/team_invite.html", {"form": form}, status=status)


@login_required
@require_POST
def rename(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    return _do(request, lambda: tenants.rename(acting(request), name=name))


@login_required
@require_POST
def role(request: HttpRequest, membership_id: int) -> HttpResponse:
    wanted = request.POST.get("role", "")
    return _do(request, lambda: tenants.change_role(acting(request), membership_id, role=wanted))


@login_required
@require_POST
def remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    return _do(request, lambda: tenants.remove(acting(request), membership_id))


@login_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    name = acting(request).tenant.name
    said = _("You left {team}. You are in your own space now.").format(team=name)
    return _do(request, lambda: tenants.leave(acting(request)), said)


@login_required
@require_POST
def withdraw(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    return _do(request, lambda: invitations.withdraw(acting(request), str(invitation_id)))


@login_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another tenant from now on; one that is not the person's changes nothing."""
    try:
        actor = tenants.actor_in(person(request), UUID(request.POST.get("tenant", "")))
    except ValueError:
        actor = None
    if actor is None:
        messages.error(request, _("You are not in that team any more."))
        return redirect("accounts:team")
    request.session[SESSION_KEY] = str(actor.tenant.id)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        return redirect(back)
    return redirect("accounts:team")


def _page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    actor = acting(request)
    require(actor, "member.see")
    members = [
        {
            "row": member,
            "me": member.user_id == actor.user.id,
            "touchable": may_touch(actor, member.role),
        }
        for member in tenants.members_of(actor.tenant)
    ]
    context = {
        "members": members,
        "invitations": invitations.open_ones(actor.tenant).select_related("invited_by"),
        "personal": actor.tenant.personal_of_id is not None,
        "roles": role_choices(actor),
        "may_invite": may(actor, "member.invite"),
        "may_change": may(actor, "member.change"),
        "may_remove": may(actor, "member.remove"),
        "may_rename": may(actor, "tenant.rename"),
    }
    return render(request, "accounts/team.html", context | more, status=status)


def _do(request: HttpRequest, verb: Callable[[], object], said: str = "") -> HttpResponse:
    """Back to the team; a refusal is shown there, in words, where the button was."""
    try:
        verb()
    except (tenants.Refused, Forbidden) as refusal:
        status = 403 if isinstance(refusal, Forbidden) else 422
        return _page(request, status=status, refusal=refusal.message)
    if said:
        messages.info(request, said)
    return redirect("accounts:team")


def _invited(request: HttpRequest, form: InviteForm, emails: list[str]) -> bool:
    """All of them, or nobody: half a list sent is the hardest to correct."""
    try:
        with transaction.atomic():
            for email in emails:
                invitations.invite(
                    acting(request),
                    email=email,
                    role=form.cleaned_data["role"],
                    address=lambda code: address_of(request, code),
                )
    except tenants.Refused as refusal:
        form.add_error("emails", refusal.message)
    except Forbidden as refusal:
        form.add_error("role", refusal.message)
    return not form.errors
