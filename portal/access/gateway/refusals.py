"""What the gateway answers where there is nothing to see: people get a page, programs a word."""

from __future__ import annotations

import logging

from aiohttp import web

from portal.access.gateway import guards, headers, jar, pages
from portal.access.gateway.guards import Way
from portal.access.gateway.portal import Grant, PortalAway
from portal.access.gateway.settings import Settings
from portal.access.hosts import Desk

log = logging.getLogger("gateway")

FORGET = f"{guards.OURS}/forget"


class Refusals:
    """Needs to know only where the portal is."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def _no_session(self, way: Way) -> web.StreamResponse:
        """People are shown the way to the desktop's page; programs are told 401."""
        framed = way.request.headers.get("Sec-Fetch-Dest", "document") != "document"
        if way.navigates and not framed and way.request.method in ("GET", "HEAD"):
            answer = web.Response(status=303, headers=headers.ours())
            answer.headers["Location"] = self._desk_page(way.desk)
            return answer
        return self._page(way, 401, "denied")

    def _too_full(self, way: Way, grant: Grant) -> web.Response:
        """The app's cookies, or what else it adds, do not fit: the cookies are removed."""
        log.info("app.too_full desktop=%s app=%s", way.desk.id, way.desk.app)
        if not way.desk.app:
            return self._plain(431, "headers too large")
        title = grant.title or way.desk.app
        answer = self._page(way, 431, "cookies", title=title, link="/", forget=FORGET)
        sent = way.request.headers.getall("Cookie", [])
        for line in jar.emptied(sent, host=way.request.headers["Host"], raw=way.raw):
            answer.headers.add("Set-Cookie", line)
        return answer

    def _blind(self, way: Way, error: PortalAway) -> web.StreamResponse:
        log.warning("portal.away desktop=%s error=%s", way.desk.id, error)
        return self._page(way, 503, "blind")

    def _unknown(self, request: web.BaseRequest, status: int) -> web.StreamResponse:
        if "text/html" not in request.headers.get("Accept", ""):
            return self._plain(status, "no such desktop")
        language = request.headers.get("Accept-Language", "")
        return pages.page(status, "unknown", language=language, link=self.settings.portal_origin)

    def _desk_page(self, desk: Desk) -> str:
        return f"{self.settings.portal_origin}/desktops/{desk.id}/"

    def _plain(self, status: int, word: str) -> web.Response:
        return pages.plain(status, word)

    def _page(
        self,
        way: Way,
        status: int,
        key: str,
        *,
        title: str = "",
        link: str = "",
        forget: str = "",
    ) -> web.Response:
        """In the form that whoever asks can show: a page, JSON for an app's script, or a word."""
        language = way.request.headers.get("Accept-Language", "")
        if way.navigates:
            return pages.page(
                status,
                key,
                title=title,
                language=language,
                link=link or self._desk_page(way.desk),
                forget=forget,
            )
        if way.desk.app and way.request.headers.get("Sec-Fetch-Dest") == "empty":
            return pages.for_scripts(status, key, language=language, title=title or way.desk.app)
        return self._plain(status, key)

    def _may_forget(self, way: Way) -> bool:
        """Every cookie of the whole domain goes: no script may do that to a person."""
        return bool(way.desk.app) and guards.pressed_here(way)

    def _forget(self, way: Way) -> web.Response:
        """The last way out of a jar that is too full: every cookie goes, the way in with them."""
        answer = web.Response(status=303, headers=headers.ours())
        answer.headers["Clear-Site-Data"] = '"cookies"'
        answer.headers["Location"] = self._desk_page(way.desk)
        return answer
