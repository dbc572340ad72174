"""Puts the current membership on the request, and brings a person's language along."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

from portal.accounts import tenants
from portal.accounts.models import User

SESSION_KEY = "tenant"


class CurrentMembership(MiddlewareMixin):
    """`request.actor`: who is at work, in which tenant and role; None for visitors."""

    def process_request(self, request: HttpRequest) -> None:
        request.actor = None  # type: ignore[attr-defined]
        user = request.user
        if not isinstance(user, User):
            return
        chosen = request.session.get(SESSION_KEY, "")
        actor = tenants.actor_of(user, chosen=chosen)
        if chosen and (actor is None or chosen != str(actor.tenant.id)):
            del request.session[SESSION_KEY]  # that membership ended
        request.actor = actor  # type: ignore[attr-defined]


class RememberedLanguage(MiddlewareMixin):
    """The cookie is the choice made in this browser; the person's row carries it to the next."""

    def process_request(self, request: HttpRequest) -> None:
        user = request.user
        if not user.is_authenticated:
            return
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if chosen not in dict(settings.LANGUAGES):
            chosen = ""
        if chosen and chosen != user.language:
            User.objects.filter(pk=user.pk).update(language=chosen)
            user.language = chosen
        elif user.language and not chosen:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        user = getattr(request, "user", None)
        known = settings.LANGUAGE_COOKIE_NAME in {*request.COOKIES, *response.cookies}
        if user is not None and not known and user.is_authenticated and user.language:
            remember(response, user.language)
        return response


def remember(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
