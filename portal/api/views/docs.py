"""The description of the API for people."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from portal.api import reading
from portal.api.views.schema import document


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    described = document(get_language())
    return render(
        request,
        "api/docs.html",
        {
            "operations": list(reading.operations(described)),
            "shapes": reading.shapes(described),
            "problems": reading.problems(),
            "origin": settings.ATELIER.portal_origin,
        },
    )
