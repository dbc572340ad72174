"""One request: is it well formed, whose desktop, may it, and then through."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from portal.access import hosts
from portal.access.gateway import headers, pages, sockets
from portal.access.gateway.live import Live
from portal.access.gateway.portal import Denied, Grant, Portal, PortalAway
from portal.access.gateway.settings import Settings
from portal.access.gateway.upstream import Upstreams, base
from portal.access.hosts import Desk

log = logging.getLogger("gateway")

CHUNK = 65536
TICKET_BODY_MOST = 4096
LASTS_S = 12 * 3600  # the portal decides; this only lets the browser forget it in time
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


@dataclass(frozen=True, slots=True)
class Way:
    """One request that has a session, and where it wants to go."""

    request: web.BaseRequest
    desk: Desk
    session: str
    raw: str  # the path and query as they came, not decoded
    own: str  # the desk's origin

    def to_upstream(self, grant: Grant) -> CIMultiDict[str]:
        return headers.to_upstream(
            self.request.headers,
            host=self.request.headers["Host"],
            secret=grant.secret,
            app=bool(self.desk.app),
        )


class Gateway:
    """The handler of an `aiohttp.web.Server`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.portal = Portal(settings)
        self.live = Live(self.portal)
        self.upstreams = Upstreams()

    async def close(self) -> None:
        await self.portal.close()
        await self.upstreams.close()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.raw_path if hasattr(request, "raw_path") else request.message.path
        found = request.headers.getall("Host", [])
        if len(found) != 1 or not _sane(raw) or request.method not in METHODS:
            return self._plain(400, "bad request")
        desk = hosts.parse(self.settings.desk_origin, found[0])
        if desk is None:
            return self._page(request, 421, "unknown", link=self.settings.portal_origin)
        if raw.startswith("/__gw/") or raw == "/__gw":
            if raw == "/__gw/enter" and request.method == "POST":
                return await self._enter(request, desk)
            return self._plain(404, "not found")
        return await self._through(request, desk, raw)

    # --- The way in -----------------------------------------------------------------------------

    async def _enter(self, request: web.BaseRequest, desk: Desk) -> web.StreamResponse:
        """Turns a ticket into our cookie. Only the portal's own page may post here."""
        if request.headers.getall("Origin", []) != [self.settings.portal_origin]:
            return self._plain(403, "wrong origin")
        if request.content_type != "application/x-www-form-urlencoded":
            return self._plain(415, "a form is expected")
        if request.content_length is None or request.content_length > TICKET_BODY_MOST:
            return self._plain(413, "too large")
        ticket = (await request.post()).get("ticket")
        try:
            begun = await self.portal.redeem(ticket, desk) if isinstance(ticket, str) else None
        except PortalAway as error:
            log.warning("enter.blind desktop=%s error=%s", desk.id, error)
            return self._page(request, 503, "blind", link=self._desk_page(desk))
        if begun is None:
            log.info("enter.refused desktop=%s", desk.id)
            return self._page(request, 403, "ticket", link=self._desk_page(desk))
        answer = web.Response(status=303, headers=headers.ours(self.settings.portal_origin))
        answer.headers["Location"] = "/"
        answer.set_cookie(
            headers.COOKIE,
            begun,
            max_age=LASTS_S,
            path="/",
            secure=True,
            httponly=True,
            samesite="Lax",
        )
        return answer

    # --- Through --------------------------------------------------------------------------------

    async def _through(self, request: web.BaseRequest, desk: Desk, raw: str) -> web.StreamResponse:
        socket = "upgrade" in request.headers or "sec-websocket-key" in request.headers
        if socket and not sockets.well_formed(request):
            return self._plain(400, "bad upgrade")
        own = hosts.origin(self.settings.desk_origin, desk)
        if socket and request.headers.getall("Origin", []) != [own]:
            return self._plain(403, "wrong origin")
        session = headers.cookie(request.headers.getall("Cookie", []))
        if not session:
            return self._no_session(request, desk, socket=socket)
        way = Way(request=request, desk=desk, session=session, raw=raw, own=own)
        try:
            grant = await self.portal.authorize(session, desk)
        except PortalAway as error:
            log.warning("authorize.blind desktop=%s error=%s", desk.id, error)
            return self._page(request, 503, "blind", link=self._desk_page(desk))
        if isinstance(grant, Denied):
            if grant.status == 404:
                return self._page(request, 404, "unknown", link=self.settings.portal_origin)
            return self._no_session(request, desk, socket=socket)
        try:
            if socket:
                return await sockets.carry(self, way, grant)
            return await self._carry(way, grant)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # A dead desktop may have come back elsewhere: ask anew next time.
            self.portal.forget(session)
            log.info("upstream.away desktop=%s error=%r", desk.id, error)
            return self._page(request, 502, "away", link=self._desk_page(desk))

    async def _carry(self, way: Way, grant: Grant) -> web.StreamResponse:
        request, app = way.request, bool(way.desk.app)
        client = self.upstreams.client(grant.upstream)
        await self.upstreams.trim()
        async with client.request(
            request.method,
            yarl.URL(base(grant.upstream) + way.raw, encoded=True),
            headers=way.to_upstream(grant),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as got:
            if got.status == 401 and not app:
                raise ValueError("the desktop does not know our secret")
            if got.status < 200:
                raise ValueError("an interim answer")
            answer = web.StreamResponse(status=got.status, reason=got.reason)
            answer.headers.extend(
                headers.to_browser(
                    got.headers,
                    portal_origin=self.settings.portal_origin,
                    desk_origin=way.own,
                    app=app,
                )
            )
            return await self._copy(request, got, answer, way.session)

    async def _copy(
        self,
        request: web.BaseRequest,
        got: aiohttp.ClientResponse,
        answer: web.StreamResponse,
        session: str,
    ) -> web.StreamResponse:
        """The body, piece by piece, and no further once the session has ended."""

        async def end() -> None:
            got.close()
            if request.transport is not None:
                request.transport.abort()

        with self.live.held(session, end):
            await answer.prepare(request)
            if request.method != "HEAD" and got.status not in BODILESS:
                try:
                    async for piece in got.content.iter_chunked(CHUNK):
                        await answer.write(piece)
                except (aiohttp.ClientError, OSError):
                    # Too late for another answer: a cut connection says that it is not whole.
                    await end()
                    return answer
            await answer.write_eof()
        return answer

    # --- No -------------------------------------------------------------------------------------

    def _no_session(
        self, request: web.BaseRequest, desk: Desk, *, socket: bool
    ) -> web.StreamResponse:
        """People are shown the way to the desktop's page; programs are told 401."""
        navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if socket or request.method != "GET" or not navigates:
            return self._plain(401, "no session")
        answer = web.Response(status=303, headers=headers.ours(self.settings.portal_origin))
        answer.headers["Location"] = self._desk_page(desk)
        return answer

    def _desk_page(self, desk: Desk) -> str:
        return f"{self.settings.portal_origin}/desktops/{desk.id}/"

    def _plain(self, status: int, word: str) -> web.Response:
        return pages.plain(status, word, portal_origin=self.settings.portal_origin)

    def _page(self, request: web.BaseRequest, status: int, key: str, *, link: str) -> web.Response:
        if "text/html" not in request.headers.get("Accept", ""):
            return self._plain(status, key)
        return pages.page(
            status,
            key,
            language=request.headers.get("Accept-Language", ""),
            link=link,
            portal_origin=self.settings.portal_origin,
        )


def _sane(raw: str) -> bool:
    """A path in origin form, of printable ASCII; no absolute form, `*` or CONNECT target."""
    return raw.startswith("/") and raw.isascii() and raw.isprintable() and "\\" not in raw
