"""Reads what is sent: JSON in UTF-8, small, and with nothing in it that we do not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from portal.api.problems import Problem

BODY_MAX = 64 * 1024


class SmallJSON(BaseParser):
    """JSON as RFC 8259 has it: no NaN, no other encodings, no more than BODY_MAX bytes."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = stream.read(BODY_MAX + 1)
        if len(raw) > BODY_MAX:
            message = _("A request has at most {n} bytes.")
            raise Problem("too_large", message.format(n=BODY_MAX))
        try:
            return json.loads(raw.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            said = str(error) or _("too deeply nested")
            message = _("This cannot be read as JSON: {error}")
            raise ParseError(message.format(error=said)) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class Input(serializers.Serializer[Any]):
    # Undeclared fields are refused, not ignored. (A docstring would describe every input.)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                message = _("There is no such field.")
                # Another field's error would only hide this one; both are told at once.
                raise serializers.ValidationError(
                    {
                        name[:80]: [serializers.ErrorDetail(message, code="unknown_field")]
                        for name in unknown[:20]
                    }
                )
        return super().to_internal_value(data)


def read(request: Request, kind: type[Input]) -> dict[str, Any]:
    """The checked body of a request. ValidationError names each wrong field."""
    sent = kind(data=request.data)
    sent.is_valid(raise_exception=True)
    checked: dict[str, Any] = sent.validated_data
    return checked
