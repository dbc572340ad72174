"""What every address of the API has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.permissions import Actor
from portal.api.authentication import BearerToken
from portal.api.parsing import SmallJSON
from portal.api.problems import Problem
from portal.api.schema import Schema
from portal.api.throttling import Throttle


class Door(APIView):
    """Opens to a token. What it answers is nobody else's, and nobody keeps a copy."""

    authentication_classes = [BearerToken]
    permission_classes = [IsAuthenticated]
    throttle_classes = [Throttle]
    parser_classes = [SmallJSON]
    renderer_classes = [JSONRenderer]
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]
    schema = Schema()
    public = False
    parameters: frozenset[str] = frozenset()  # what the query may say
    refuses: Mapping[str, tuple[str, ...]] = {}  # method → codes of problems of its own

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        unknown = sorted(set(request.query_params) - self.parameters)
        if unknown:  # a parameter that is misspelt shall not be ignored in silence
            message = ErrorDetail(_("There is no such parameter."), code="unknown_parameter")
            raise ValidationError({name[:80]: [message] for name in unknown[:20]})

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        if not self.public:
            final.headers["Cache-Control"] = "no-store"
        return final


class PublicDoor(Door):
    """Opens to everybody, and does not look at tokens."""

    authentication_classes = []
    permission_classes = [AllowAny]
    public = True


class Nowhere(PublicDoor):
    """Every other address below /api/."""

    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.parameters = frozenset(request.query_params)
        super().initial(request, *args, **kwargs)
        raise _lost(request._request)


def _lost(request: HttpRequest) -> Exception:
    try:
        there = resolve(f"{request.path_info}/").func
    except Resolver404:
        return NotFound()
    if getattr(there, "view_class", getattr(there, "cls", None)) is Nowhere:
        return NotFound()
    return Problem("not_found", _("Addresses of this API end with a slash."))


def actor(request: Request) -> Actor:
    """Whom the token speaks for."""
    assert isinstance(request.auth, Actor)
    return request.auth
