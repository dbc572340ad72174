"""The page behind the link of an invitation. Looking at it changes nothing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts import invitations
from portal.accounts.middleware import SESSION_KEY
from portal.accounts.models import User
from portal.accounts.tenants import Refused


def address_of(request: HttpRequest, code: str) -> str:
    return request.build_absolute_uri(reverse("accounts:invitation", args=[code]))


@never_cache
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, code: str) -> HttpResponse:
    refusal = ""
    if request.method == "POST":
        if not isinstance(request.user, User):
            return redirect(f"{reverse('account_login')}?next={request.path}")
        try:
            team = invitations.accept(request.user, code)
        except Refused as error:
            refusal = error.message
        else:
            request.session[SESSION_KEY] = str(team.id)
            messages.info(request, _("You are in {team} now.").format(team=team.name))
            return redirect("accounts:team")
    invitation = invitations.find(code)
    user = request.user if isinstance(request.user, User) else None
    context = {
        "invitation": invitation,
        "fits": bool(invitation and user and invitations.is_for(invitation, user)),
        "refusal": refusal,
    }
    status = 422 if refusal else 200 if invitation else 404
    return render(request, "accounts/invitation.html", context, status=status)
