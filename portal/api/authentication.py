"""Who asks: an API token in the Authorization header. No cookie ever opens the API."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from portal.accounts import tokens
from portal.accounts.models import User
from portal.accounts.permissions import Actor


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer at_…`. `request.auth` is the Actor that the token speaks for."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed(_("Write the header as “Authorization: Bearer at_…”."))
        actor = tokens.find(words[1].decode("latin-1"))
        if actor is None:
            raise AuthenticationFailed(_("This token is unknown, was revoked or has expired."))
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="atelier"'
