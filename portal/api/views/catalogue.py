"""What is offered. Public: nobody needs a token to read a price."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import shapes, shown
from portal.api.views.base import PublicDoor


class PlansView(PublicDoor):
    @extend_schema(
        operation_id="listPlans",
        tags=["catalogue"],
        summary=_("What can be rented, and what it costs"),
        responses=shapes.Plan(many=True),
    )
    def get(self, request: Request) -> Response:
        return Response(shown.plans())


class SetupsView(PublicDoor):
    @extend_schema(
        operation_id="listSetups",
        tags=["catalogue"],
        summary=_("What can be preloaded on a desktop"),
        responses=shapes.Setup(many=True),
    )
    def get(self, request: Request) -> Response:
        return Response(shown.setups())
