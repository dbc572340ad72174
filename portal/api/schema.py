"""The OpenAPI description: what the shapes do not say by themselves."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from portal.api import problems, shapes
from portal.api.parsing import Input

# Codes of problems by what an operation is; a view adds its own in `refuses`.
ALWAYS = (
    "method_not_allowed",
    "not_acceptable",
    "invalid",
    "throttled",
    "internal",
    "unavailable",
)
WITH_TOKEN = ("not_authenticated", "invalid_token", "forbidden")
WITH_BODY = ("malformed", "too_large", "unsupported_media_type")
WITH_ID = ("not_found",)
HEADERS = {
    201: {"Location": "Where the new one is."},
    401: {"WWW-Authenticate": "How to say who asks."},
    405: {"Allow": "What this address does."},
    429: {"Retry-After": "Seconds."},
    503: {"Retry-After": "Seconds."},
}


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "portal.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "at_…",
            "description": "An API token, made under Settings, or by `./dev manage create_token`.",
        }


class Schema(AutoSchema):
    """Adds, to every operation, the problems that it may answer with, and the headers."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        for status, codes in self._problems().items():
            response: dict[str, Any] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                shapes.Problem, str(status), [problems.CONTENT_TYPE], direction
            )
            told = {"description": ", ".join(f"`{code}`" for code in codes), "x-codes": codes}
            found[str(status)] = response | told
        for status, headers in HEADERS.items():
            if str(status) in found:
                found[str(status)]["headers"] = {
                    name: {"description": text, "schema": {"type": "string"}}
                    for name, text in headers.items()
                }
        for response in found.values():
            response["description"] = response.get("description") or "Done."
        return dict(sorted(found.items()))

    def get_description(self) -> str:  # type: ignore[override]
        return ""  # what `extend_schema` says, not what a class says to its readers

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        found: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, Input):
            found["additionalProperties"] = False
        return found

    def _problems(self) -> dict[int, list[str]]:
        """Status → codes of the problems that this operation may answer with."""
        groups = [
            (ALWAYS, True),
            (WITH_TOKEN, not getattr(self.view, "public", False)),
            (WITH_BODY, self.method != "GET"),
            (WITH_ID, "{" in self.path),
            (getattr(self.view, "refuses", {}).get(self.method, ()), True),
        ]
        codes = {code for group, applies in groups if applies for code in group}
        found: dict[int, list[str]] = {}
        for code, kind in problems.KINDS.items():
            if code in codes:
                found.setdefault(kind.status, []).append(code)
        return found
