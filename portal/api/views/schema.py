"""The description of the API for programs: OpenAPI 3.1, as JSON or YAML."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.views.base import PublicDoor


class SchemaView(PublicDoor):
    """JSON, unless YAML is asked for by Accept or `?format=yaml`."""

    schema = None  # type: ignore[assignment]
    parameters = frozenset({"format"})
    renderer_classes = [JSONRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer]

    def get(self, request: Request) -> Response:
        return Response(document(get_language()))


@lru_cache(maxsize=8)
def document(_language: str | None) -> dict[str, Any]:
    """It changes with the code alone, and takes a while to make."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    described: dict[str, Any] = generator.get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )
    return described
