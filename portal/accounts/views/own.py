"""A person's own settings and API tokens."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts import audit, tenants, tokens
from portal.accounts.forms import ProfileForm, TokenForm
from portal.accounts.middleware import remember
from portal.accounts.models import ApiToken, User
from portal.accounts.permissions import may, require
from portal.accounts.views.acting import acting, person


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    user = person(request)
    language = translation.get_language() or user.language
    form = ProfileForm(request.POST or None, initial={"name": user.name, "language": language})
    if request.method == "POST" and form.is_valid():
        return _saved(request, user, form)
    context = {
        "form": form,
        "second_step": is_mfa_enabled(user),
        "sessions": len(UserSession.objects.purge_and_list(user)),
        "tokens": _usable(request).count(),
        "memberships": tenants.memberships_of(user),
    }
    status = 422 if form.is_bound else 200
    return render(request, "accounts/settings.html", context, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """The secret is part of this one answer and of nothing that is kept."""
    require(acting(request), "token.manage")
    if request.method == "POST":
        made: HttpResponse = _make_token(request)
        return made
    return _tokens_page(request, TokenForm())


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """One's own, in any tenant: taking a key away is always allowed."""
    token = ApiToken.objects.filter(id=token_id, user=person(request)).first()
    with transaction.atomic():
        if token is not None and tokens.revoke(token):
            audit.record(acting(request), "token.manage", token.id, revoked=token.prefix)
            said = _("“{name}” does not work any more.").format(name=token.name)
            messages.info(request, said)
    return redirect("accounts:tokens")


@reauthentication_required  # type: ignore[untyped-decorator]
def _make_token(request: HttpRequest) -> HttpResponse:
    """Who finds a browser left open shall not walk off with a key."""
    actor = acting(request)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _tokens_page(request, form)
    days = form.cleaned_data["days"]
    with transaction.atomic():
        token, secret = tokens.issue(actor.user, actor.tenant, form.cleaned_data["name"])
        if days:
            ApiToken.objects.filter(id=token.id).update(
                expires_at=timezone.now() + timedelta(days=int(days))
            )
        audit.record(actor, "token.manage", token.id, created=token.prefix)
    return _tokens_page(request, TokenForm(), secret=secret, made=token)


def _tokens_page(request: HttpRequest, form: TokenForm, **more: object) -> HttpResponse:
    context = {
        "form": form,
        "tokens": _usable(request),
        "may_manage": may(acting(request), "token.manage"),
        "api": request.build_absolute_uri("/api/v1/"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "accounts/tokens.html", context | more, status=status)


def _usable(request: HttpRequest):  # type: ignore[no-untyped-def]
    return ApiToken.objects.filter(
        user=person(request), tenant=acting(request).tenant, revoked_at=None
    ).order_by("-created_at")


def _saved(request: HttpRequest, user: User, form: ProfileForm) -> HttpResponse:
    name, language = form.cleaned_data["name"], form.cleaned_data["language"]
    User.objects.filter(id=user.id).update(name=name, language=language)
    user.language = language
    translation.activate(language)
    messages.info(request, _("Saved."))
    answer = redirect("accounts:settings")
    remember(answer, language)
    return answer
