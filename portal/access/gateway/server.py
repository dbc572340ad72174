"""One request: is it well formed, whose desktop, may it, and then through."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets

import aiohttp
from aiohttp import web

from portal.access import hosts
from portal.access.gateway import bar, exchange, guards, headers, jar, pages, sockets
from portal.access.gateway.guards import Way
from portal.access.gateway.live import Live, TooMany
from portal.access.gateway.portal import Denied, Grant, Portal, PortalAway, State
from portal.access.gateway.refusals import FORGET, Refusals
from portal.access.gateway.settings import Settings
from portal.access.gateway.upstream import Upstreams, base

log = logging.getLogger("gateway")

HEALTH = "/healthz"
TICKET_BODY_MOST = 4096
TICKET_WITHIN_S = 10.0
FORM = "application/x-www-form-urlencoded"
VERBS = {f"{guards.OURS}/{verb}": verb for verb in ("stop", "extend")}
STATE = re.compile(rf"{guards.OURS}/state(?:\?window=([0-9a-f]{{32}}))?")


class Gateway(Refusals):
    """The handler of an `aiohttp.web.Server`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.portal = Portal(settings)
        self.live = Live(self.portal)
        self.upstreams = Upstreams()

    async def close(self) -> None:
        await self.portal.close()
        await self.upstreams.close()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ConnectionError:
            raise  # whoever asked is gone
        except Exception:
            log.exception("gateway.broken")
            if request.writer.output_size > 0:
                raise ConnectionError("an answer has begun") from None
            return self._plain(500, "broken")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.raw_path
        named = request.headers.getall("Host", [])
        if len(named) != 1 or not guards.sane(raw) or request.version not in guards.VERSIONS:
            return self._plain(400, "bad request")
        if request.method not in guards.METHODS:
            return self._plain(405, "no such method")
        desk = hosts.parse(self.settings.desk_origin, named[0])
        if desk is None:
            if raw == HEALTH:  # whoever keeps this process asks by number; no desktop's name does
                return pages.plain(200, "ok")
            return self._unknown(request, 421)
        own = hosts.origin(self.settings.desk_origin, desk)
        way = Way(request, desk, raw, own, socket=sockets.is_upgrade(request))
        if guards.is_ours(raw):
            return await self._ours(way)
        if way.opens:
            return await self._bar(way)
        return await self._through(way)

    # --- What is ours ---------------------------------------------------------------------------

    async def _ours(self, way: Way) -> web.StreamResponse:
        raw, method, app = way.raw, way.request.method, way.desk.app
        if not way.socket:
            if method == "POST" and raw == f"{guards.OURS}/enter":
                return await self._enter(way)
            if method == "POST" and raw in VERBS and not app:
                return await self._act(way, VERBS[raw])
            if method == "GET" and (asked := STATE.fullmatch(raw)):
                return await self._state(way, asked[1] or "")
            if method == "GET" and raw == FORGET and self._may_forget(way):
                return self._forget(way)
            if method == "GET" and raw == bar.PANEL and app:
                return await self._panel(way)
            if method in ("GET", "HEAD") and (found := bar.file(raw)):
                return found
        return self._plain(404, "not found")

    async def _bar(self, way: Way) -> web.StreamResponse:
        """Our own page around the stream, which is this window's from now on."""
        session = headers.cookie(way.request.headers.getall("Cookie", []))
        if not session:
            return self._no_session(way)
        if not guards.is_looked_at(way):
            return self._plain(503, "not ahead of time")
        window = secrets.token_hex(16)
        try:
            told = await self.portal.take(session, way.desk, window)
        except PortalAway as error:
            return self._blind(way, error)
        if isinstance(told, Denied) and told.status == 404:
            return self._unknown(way.request, 404)
        if isinstance(told, Denied) or not (told.get("open") or told.get("returns")):
            return self._no_session(way)
        await self.live.hand_over(way.desk.id)
        language = str(told.get("language") or way.request.headers.get("Accept-Language", ""))
        return bar.page(
            bar.seen_from(window, told) | {"window": window},
            own=way.own,
            chinese=pages.speaks_chinese(language),
            portal_page=self._desk_page(way.desk),
        )

    async def _panel(self, way: Way) -> web.StreamResponse:
        """What lies over an app's page, unseen until the app cannot go on."""
        told = await self._told(way)
        if isinstance(told, web.StreamResponse):
            return told
        language = str(told.get("language") or way.request.headers.get("Accept-Language", ""))
        return bar.panel(
            told,
            own=way.own,
            chinese=pages.speaks_chinese(language),
            portal_page=self._desk_page(way.desk),
        )

    async def _state(self, way: Way, window: str) -> web.StreamResponse:
        """What bar and panel show, asked for every few seconds by each window that is open."""
        told = await self._told(way)
        if isinstance(told, web.StreamResponse):
            return told
        return web.json_response(bar.seen_from(window, told), headers=headers.ours())

    async def _told(self, way: Way) -> State | web.StreamResponse:
        session = headers.cookie(way.request.headers.getall("Cookie", []))
        if not guards.from_itself(way):
            return self._plain(403, "wrong origin")
        if not session:
            return self._plain(401, "denied")
        try:
            told = await self.portal.state(session, way.desk)
        except PortalAway as error:
            return self._blind(way, error)
        if isinstance(told, Denied):
            return self._plain(told.status, "denied")
        return told

    async def _act(self, way: Way, verb: str) -> web.StreamResponse:
        """One of the bar's verbs; see `bar` for who can say them."""
        if not guards.from_own_page(way):
            log.info("bar.foreign verb=%s desktop=%s", verb, way.desk.id)
            return self._plain(403, "wrong origin")
        session = headers.cookie(way.request.headers.getall("Cookie", []))
        if not session:
            return self._plain(401, "denied")
        try:
            with self.live.held(session):
                status, told = await self.portal.act(verb, session, way.desk)
        except PortalAway as error:
            return self._blind(way, error)
        except TooMany:
            return self._plain(429, "too much at once")
        if status != 200:
            return self._plain(status, "refused")
        self.portal.forget(session)  # what was open may not be any more
        return web.json_response(bar.seen_from("", told), headers=headers.ours())

    # --- The way in -----------------------------------------------------------------------------

    async def _enter(self, way: Way) -> web.StreamResponse:
        """Turns a ticket into our cookie. Only the portal's own page may post here."""
        request, desk = way.request, way.desk
        if request.headers.getall("Origin", []) != [self.settings.portal_origin]:
            log.info("enter.foreign desktop=%s", desk.id)
            return self._plain(403, "wrong origin")
        if request.content_type != FORM:
            return self._plain(415, "a form is expected")
        if request.content_length is None or request.content_length > TICKET_BODY_MOST:
            return self._plain(413, "too large")
        try:
            async with asyncio.timeout(TICKET_WITHIN_S):
                ticket = (await request.post()).get("ticket")
            session = await self.portal.redeem(ticket, desk) if isinstance(ticket, str) else None
        except TimeoutError:
            return self._plain(408, "too slow")
        except (ValueError, LookupError):
            return self._plain(400, "bad form")
        except PortalAway as error:
            return self._blind(way, error)
        if session is None:
            log.info("enter.refused desktop=%s", desk.id)
            return self._page(way, 403, "ticket")
        answer = web.Response(status=303, headers=headers.ours())
        answer.headers["Location"] = "/"
        if "Sec-Fetch-Mode" in request.headers:
            answer.headers.add("Set-Cookie", headers.WITHOUT_TWIN)
        # It ends with the browser; the portal ends it after twelve hours at the latest.
        answer.set_cookie(
            headers.COOKIE, session, path="/", secure=True, httponly=True, samesite="Lax"
        )
        return answer

    # --- Through --------------------------------------------------------------------------------

    async def _through(self, way: Way) -> web.StreamResponse:
        request = way.request
        if way.socket and not sockets.well_formed(request):
            return self._plain(400, "bad upgrade")
        if not guards.from_itself(way):
            return self._plain(403, "wrong origin")
        if "Service-Worker" in request.headers and not way.desk.app:
            # It would go on answering for our own page there, long after its desktop has ended.
            return self._plain(403, "no workers here")
        session = headers.cookie(request.headers.getall("Cookie", []))
        if not session:
            return self._no_session(way)
        try:
            grant = await self.portal.authorize(session, way.desk)
        except PortalAway as error:
            return self._blind(way, error)
        if isinstance(grant, Denied):
            if grant.status == 404:
                return self._unknown(request, 404)
            return self._no_session(way)
        if way.socket and grant.superseded and not way.desk.app:
            return self._plain(423, "open in another window")
        try:
            return await self._carry(way, session, grant)
        except TooMany:
            return self._plain(429, "too much at once")
        except exchange.JarRefused:
            return self._too_full(way, grant)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # A desktop that died may be back elsewhere: ask anew next time.
            self.portal.forget(session)
            log.info("desktop.away desktop=%s error=%r", way.desk.id, error)
            if way.desk.app and isinstance(error, aiohttp.ClientConnectionError):
                # The desktop runs, or we would not have been told where: the app is not up yet.
                return self._page(way, 503, "starting", title=grant.title or way.desk.app)
            return self._page(way, 502, "away", title=grant.title)

    async def _carry(self, way: Way, session: str, grant: Grant) -> web.StreamResponse:
        request, app = way.request, bool(way.desk.app)
        if app and jar.too_long(request.headers.getall("Cookie", [])):
            return self._too_full(way, grant)
        passed = headers.to_upstream(
            request.headers,
            host=request.headers["Host"],
            # The socket file of an app asks for none; its server might show what it is told.
            secret="" if app and grant.upstream.startswith("unix:") else grant.secret,
            app=app,
            scheme=self.settings.desk_origin.partition(":")[0],
        )
        appended = bar.panels_script(way.own) if grant.panel and way.is_document else b""
        if appended:
            passed["Accept-Encoding"] = "identity"
        if jar.too_full(passed):
            return self._too_full(way, grant)
        address = base(grant.upstream) + way.raw
        stream = way.desk.id if way.socket and not app else None
        with (
            self.live.held(session, stream=stream) as held,
            self.upstreams.lent(grant.upstream) as client,
        ):
            if way.socket:
                return await sockets.carry(
                    request,
                    client,
                    address=address,
                    passed=passed,
                    answered=headers.ours(),
                    held=held,
                )

            def back(given: headers.Headers) -> headers.Headers:
                return headers.to_browser(
                    given,
                    portal_origin=self.settings.portal_origin,
                    desk_origin=way.own,
                    app=app,
                )

            return await exchange.carry(
                request,
                client,
                address=address,
                passed=passed,
                back=back,
                held=held,
                guarded=not app,
                jar_is_full=app and jar.many(passed.getall("Cookie", [])),
                appended=appended,
            )
