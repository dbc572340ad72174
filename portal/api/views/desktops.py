"""Desktops: the pages' own actions, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import tickets
from portal.accounts.permissions import Actor, require
from portal.api import idempotency, paging, shapes, shown
from portal.api.parsing import read
from portal.api.views.base import Door, actor
from portal.desktops import actions
from provisioner import desktops, timeline
from provisioner.desktops import Desktop, Spec

TAGS = ["desktops"]
NAMES = ("name_empty", "name_too_long", "name_unprintable")
TIMELINE_MAX = 500
SEQ_MAX = 2**31 - 1

LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": paging.PAGE_MAX, "default": paging.PAGE},
    description=_("How many: 20 unless you say, 50 at most."),
)
CURSOR = OpenApiParameter("cursor", str, description=_("As `next` of the page before says."))
ONCE = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    location="header",
    description=_(
        "Any text of yours. The same again within 24 hours launches nothing and is answered as"
        " the first time; with another body it is refused."
    ),
)


class DesktopsView(Door):
    parameters = frozenset({"limit", "cursor"})
    refuses = {
        "POST": (
            *("unknown_plan", "unknown_setup", "setup_not_here", "vram_too_small"),
            *("name_taken", *NAMES),
            *("idempotency_key_malformed", "idempotency_key_reused"),
        )
    }

    @extend_schema(
        operation_id="listDesktops",
        tags=TAGS,
        summary=_("Your desktops, newest first"),
        parameters=[LIMIT, CURSOR],
        responses=shapes.Desktops,
    )
    def get(self, request: Request) -> Response:
        who = actor(request)
        require(who, "desktop.see")
        rows, cursor = paging.page(request, desktops.visible_to(who.tenant.id))
        return Response({"results": shown.desktops(rows), "next": _next(request, cursor=cursor)})

    @extend_schema(
        operation_id="launchDesktop",
        tags=TAGS,
        summary=_("Launch a desktop"),
        parameters=[ONCE],
        request=shapes.LaunchInput,
        responses={201: shapes.Desktop},
    )
    def post(self, request: Request) -> Response:
        who = actor(request)
        require(who, "desktop.launch")
        wanted = read(request, shapes.LaunchInput)

        def launch() -> Response:
            row = shown.desktop(actions.launch(who, **wanted))
            return Response(row, status=201, headers={"Location": row["links"]["self"]})

        return idempotency.once(request, who, wanted, launch)


class DesktopView(Door):
    refuses = {"PATCH": ("name_taken", "not_now", *NAMES)}

    @extend_schema(
        operation_id="readDesktop",
        tags=TAGS,
        summary=_("One desktop"),
        responses=shapes.Desktop,
    )
    def get(self, request: Request, desktop_id: UUID) -> Response:
        return Response(shown.desktop(actions.find(actor(request), desktop_id)))

    @extend_schema(
        operation_id="renameDesktop",
        tags=TAGS,
        summary=_("Rename it"),
        request=shapes.RenameInput,
        responses=shapes.Desktop,
    )
    def patch(self, request: Request, desktop_id: UUID) -> Response:
        who = _may(request, desktop_id, "desktop.rename")
        wanted = read(request, shapes.RenameInput)
        return Response(shown.desktop(actions.rename(who, desktop_id, **wanted)))

    @extend_schema(
        operation_id="deleteDesktop",
        tags=TAGS,
        summary=_("Delete it and its disk, for good"),
        description=_("It is gone once its address answers 404."),
        responses={202: shapes.Desktop},
    )
    def delete(self, request: Request, desktop_id: UUID) -> Response:
        return _did(request, desktop_id, "desktop.delete", actions.delete)


class StartView(Door):
    refuses = {"POST": ("not_now",)}

    @extend_schema(
        operation_id="startDesktop",
        tags=TAGS,
        summary=_("Start it again, or try again after a failure"),
        description=_("What starts or runs already is left as it is."),
        request=None,
        responses={202: shapes.Desktop},
    )
    def post(self, request: Request, desktop_id: UUID) -> Response:
        return _did(request, desktop_id, "desktop.start", actions.start)


class StopView(Door):
    refuses = {"POST": ("not_now",)}

    @extend_schema(
        operation_id="stopDesktop",
        tags=TAGS,
        summary=_("Stop it, keeping its disk; also cancels a start"),
        request=None,
        responses={202: shapes.Desktop},
    )
    def post(self, request: Request, desktop_id: UUID) -> Response:
        return _did(request, desktop_id, "desktop.stop", actions.stop)


class MoveView(Door):
    refuses = {"POST": ("not_now", "unknown_setup", "setup_not_here", "vram_too_small")}

    @extend_schema(
        operation_id="moveDesktop",
        tags=TAGS,
        summary=_("Move it to the newest version of its setup, from its next start on"),
        description=_("Only while it does not run. Its disk stays as it is."),
        request=None,
        responses={202: shapes.Desktop},
    )
    def post(self, request: Request, desktop_id: UUID) -> Response:
        return _did(request, desktop_id, "desktop.move", actions.move)


class StayView(Door):
    refuses = {"POST": ("not_now", "unknown_setup")}

    @extend_schema(
        operation_id="keepDesktopVersion",
        tags=TAGS,
        summary=_("Stay with its version: nobody is asked about the newest one again"),
        request=None,
        responses={202: shapes.Desktop},
    )
    def post(self, request: Request, desktop_id: UUID) -> Response:
        return _did(request, desktop_id, "desktop.move", actions.stay)


class OpenView(Door):
    refuses = {"POST": ("not_running", "unknown_app")}

    @extend_schema(
        operation_id="openDesktop",
        tags=TAGS,
        summary=_("A way in: an address and a one-time ticket"),
        description=_(
            "Within half a minute, POST the field `ticket` as a form to `address`, with the header"
            " `Origin` as `origin` says. The answer is a redirect with a cookie for that desktop."
        ),
        request=shapes.OpenInput,
        responses=shapes.Opened,
    )
    def post(self, request: Request, desktop_id: UUID) -> Response:
        who = _may(request, desktop_id, "desktop.open")
        wanted = read(request, shapes.OpenInput)
        issued = tickets.issue(who, desktop_id, app=wanted["app"])
        return Response(
            {
                "address": issued.address,
                "ticket": issued.ticket,
                "expires_at": shown.time(issued.expires_at),
                "method": "POST",
                "field": "ticket",
                "content_type": "application/x-www-form-urlencoded",
                "origin": settings.ATELIER.portal_origin,
            }
        )


class TimelineView(Door):
    parameters = frozenset({"after"})

    @extend_schema(
        operation_id="readTimeline",
        tags=TAGS,
        summary=_("Everything that became of it, oldest first"),
        description=_("At most 500 entries; a `Link` with rel=next leads to the rest."),
        parameters=[
            OpenApiParameter(
                "after",
                {"type": "integer", "minimum": 0, "maximum": SEQ_MAX, "default": 0},
                description=_("Only what came after this `seq`."),
            ),
        ],
        responses=shapes.Event(many=True),
    )
    def get(self, request: Request, desktop_id: UUID) -> Response:
        row = actions.find(actor(request), desktop_id)
        after = paging.number(request, "after", default=0, least=0, most=SEQ_MAX)
        found = [entry for entry in timeline.entries(row.id) if entry.seq > after]
        page, spec = found[:TIMELINE_MAX], Spec.from_json(row.spec)
        answer = Response([shown.event(entry, spec) for entry in page])
        if len(found) > len(page):
            more = _next(request, after=str(page[-1].seq))
            answer.headers["Link"] = f'<{more}>; rel="next"'
        return answer


def _did(
    request: Request,
    desktop_id: UUID,
    action: str,
    verb: Callable[[Actor | None, UUID], Desktop],
) -> Response:
    """202: it is wanted from now on; the desktop's status tells when it is so."""
    who = _may(request, desktop_id, action)
    read(request, shapes.NothingInput)
    return Response(shown.desktop(verb(who, desktop_id)), status=202)


def _may(request: Request, desktop_id: UUID, action: str) -> Actor:
    """Asked before the body is looked at: who may not, does not hear what was wrong with it."""
    who = actor(request)
    actions.find(who, desktop_id)
    require(who, action)
    return who


def _next(request: Request, **place: str | None) -> str | None:
    """This address with another place in it; None where nothing comes after."""
    if None in place.values():
        return None
    kept = {"limit": request.query_params["limit"]} if "limit" in request.query_params else {}
    match = request.resolver_match
    assert match is not None
    return f"{shown.address(match.view_name, *match.kwargs.values())}?{urlencode(kept | place)}"
