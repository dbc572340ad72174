"""Everything that can go wrong, as application/problem+json (RFC 9457). One table, one mapping.

`code` is for programs and never changes; `title` and `detail` are for people, in their language.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response

from portal.access import tickets
from portal.desktops.refusals import NotFound, Refused

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    status: int
    title: str | Promise


KINDS: dict[str, Kind] = {
    "malformed": Kind(400, gettext_lazy("The request cannot be read.")),
    "idempotency_key_malformed": Kind(400, gettext_lazy("The Idempotency-Key cannot be used.")),
    "not_authenticated": Kind(401, gettext_lazy("A token is needed.")),
    "invalid_token": Kind(401, gettext_lazy("The token is not valid.")),
    "forbidden": Kind(403, gettext_lazy("This is not allowed.")),
    "not_found": Kind(404, gettext_lazy("There is no such thing.")),
    "method_not_allowed": Kind(405, gettext_lazy("This address does not do that.")),
    "not_acceptable": Kind(406, gettext_lazy("There is no answer in that format.")),
    "refused": Kind(409, gettext_lazy("This cannot be done now.")),
    "name_taken": Kind(409, gettext_lazy("The name is taken.")),
    "not_now": Kind(409, gettext_lazy("Not in the present state.")),
    "not_running": Kind(409, gettext_lazy("The desktop is not running.")),
    "too_large": Kind(413, gettext_lazy("The request is too large.")),
    "unsupported_media_type": Kind(415, gettext_lazy("Send JSON.")),
    "invalid": Kind(422, gettext_lazy("Something in the request is wrong.")),
    "name_empty": Kind(422, gettext_lazy("The name is empty.")),
    "name_too_long": Kind(422, gettext_lazy("The name is too long.")),
    "name_unprintable": Kind(422, gettext_lazy("The name cannot be shown.")),
    "unknown_plan": Kind(422, gettext_lazy("There is no such plan.")),
    "unknown_setup": Kind(422, gettext_lazy("There is no such setup.")),
    "setup_not_here": Kind(422, gettext_lazy("The setup is not on this installation.")),
    "unknown_app": Kind(422, gettext_lazy("There is no such app.")),
    "vram_too_small": Kind(422, gettext_lazy("The card is too small for the setup.")),
    "idempotency_key_reused": Kind(422, gettext_lazy("The Idempotency-Key was used before.")),
    "throttled": Kind(429, gettext_lazy("Too many requests.")),
    "internal": Kind(500, gettext_lazy("Something went wrong on our side.")),
    "unavailable": Kind(503, gettext_lazy("Not available for a moment.")),
}
CHALLENGE = 'Bearer realm="atelier"'


@dataclass(frozen=True)
class FieldError:
    field: str  # empty: the request as a whole; `apps.0.name`: a place inside
    code: str
    message: str


@dataclass(eq=False)
class Problem(Exception):
    """A reason to answer with a problem; every other exception is turned into one."""

    code: str
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0  # 0: as KINDS says

    def body(self) -> dict[str, Any]:
        kind = KINDS.get(self.code, KINDS["refused"])
        return {
            "type": f"{settings.ATELIER.portal_origin}/api/docs/#{self.code}",
            "title": str(kind.title),
            "status": self.status or kind.status,
            "detail": self.detail or str(kind.title),
            "code": self.code,
            "errors": [vars(error) for error in self.errors],
        }


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework calls this for whatever a view raises."""
    problem = of(error)
    if problem.code == "internal":
        log.error("API request failed", exc_info=error)
        # Whoever watches for errors hears of this one as of any other page's.
        got_request_exception.send(sender=None, request=context["request"]._request)
    body = problem.body()
    return Response(
        body, status=body["status"], headers=problem.headers, content_type=CONTENT_TYPE
    )


def of(error: Exception) -> Problem:
    """The problem that an exception stands for."""
    match error:
        case Problem():
            return error
        case Refused() | tickets.Refused():
            return _refusal(error)
        case exceptions.ValidationError():
            errors = tuple(_fields(error.detail, error.get_codes()))
            return Problem("invalid", errors[0].message if errors else "", errors)
        case PermissionDenied():
            return Problem("forbidden", str(error))
        case NotFound() | tickets.NotFound() | Http404() | exceptions.NotFound():
            return Problem("not_found", _("Nothing of yours has this address."))
        case OperationalError() | InterfaceError():
            log.warning("the database does not answer: %s", error)
            return Problem("unavailable", headers={"Retry-After": "2"})
        case exceptions.APIException():
            return _of_framework(error)
    return Problem("internal", _("It was written down, and somebody will look at it."))


def _refusal(refused: Refused | tickets.Refused) -> Problem:
    """A code that KINDS does not have is about a field if it names one, else a conflict."""
    field = getattr(refused, "field", None)
    named = (FieldError(field, refused.code, refused.message),) if field else ()
    status = 422 if named and refused.code not in KINDS else 0
    return Problem(refused.code, refused.message, named, status=status)


def _of_framework(error: exceptions.APIException) -> Problem:
    detail = str(error.detail)
    match error:
        case exceptions.AuthenticationFailed():
            challenge = {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
            return Problem("invalid_token", detail, headers=challenge)
        case exceptions.NotAuthenticated():
            message = _("Send the header “Authorization: Bearer” with an API token.")
            return Problem("not_authenticated", message, headers={"WWW-Authenticate": CHALLENGE})
        case exceptions.Throttled():
            wait_s = max(1, round(getattr(error, "wait", None) or 1))
            message = _("Ask again in {n} seconds.").format(n=wait_s)
            return Problem("throttled", message, headers={"Retry-After": str(wait_s)})
        case exceptions.ParseError():
            return Problem("malformed", detail)
        case exceptions.PermissionDenied():
            return Problem("forbidden", detail)
        case exceptions.MethodNotAllowed():
            return Problem("method_not_allowed", detail)
        case exceptions.NotAcceptable():
            return Problem("not_acceptable", detail)
        case exceptions.UnsupportedMediaType():
            return Problem("unsupported_media_type", detail)
    return Problem("internal", detail)


def _fields(detail: Any, codes: Any, path: str = "") -> Iterator[FieldError]:
    """REST framework's nested errors as one flat list."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            inside = f"{path}.{name}" if path else str(name)
            yield from _fields(inner, codes[name], inside)
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _fields(inner, codes[number], f"{path}.{number}" if nested else path)
    else:
        yield FieldError(
            path.removesuffix("non_field_errors").rstrip("."), str(codes), str(detail)
        )
