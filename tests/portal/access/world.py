"""A gateway with a desktop behind it and a portal beside it, in one thread, for tests to hurt."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

from portal.access import hosts, signing
from portal.access.gateway.__main__ import begin
from portal.access.gateway.server import Gateway
from portal.access.gateway.settings import Settings
from portal.access.hosts import Desk

T = TypeVar("T")
KEY = "the gateway's key, in tests"
SECRET = "the desktop's own secret"
BASIC = "Basic " + base64.b64encode(f"desk:{SECRET}".encode()).decode()

# What the bar is told while nothing is charged and nothing stops by itself.
STATE: dict[str, Any] = {
    "name": "Rain",
    "status": "running",
    "open": True,
    "returns": False,
    "language": "en",
    "now": "",
    "since": "2026-01-01T00:00:00+00:00",
    "apps": [{"name": "webui", "title": "WebUI"}],
    "cost": None,
    "idle": None,
    "may": {"stop": True, "extend": False},
    "notices": [],
}


class Background:
    """An event loop in a thread of its own; `run` waits for one coroutine on it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, T], *, seconds: float = 15) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def end(self) -> None:
        async def rest() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for one in others:
                one.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@dataclass
class Heard:
    """One request as the desktop saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> list[str]:
        return [value for one, value in self.headers if one.lower() == name.lower()]


class EchoDesktop:
    """Speaks HTTP and WebSocket as a desktop would, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None
        self.sockets: list[web.WebSocketResponse] = []
        self.closed_with: list[int | None] = []
        self.protocol: tuple[str, ...] = ()
        self.field_most = 65536  # of a header that it reads; many servers read 8190 bytes
        self._runner: web.ServerRunner | None = None

    async def start(self, path: Path) -> None:
        echo = self

        class Counting(web.Server):
            def __call__(self) -> Any:
                echo.connections += 1
                return super().__call__()

        server = Counting(
            self._handle, access_log=None, auto_decompress=False, max_field_size=self.field_most
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(path)).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = [(k.decode("latin1"), v.decode("latin1")) for k, v in request._message.raw_headers]
        heard = Heard(request.method, request._message.path, raw)
        self.heard.append(heard)
        if request.headers.get("Upgrade"):
            return await self._talk(request)
        if self.answer is not None:
            return await self.answer(request)
        heard.body = await request.read()
        return web.Response(
            body=heard.body or b"desktop", content_type="text/plain", headers={"X-Own": "kept"}
        )

    async def _talk(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.answer is not None:
            return await self.answer(request)
        ws = web.WebSocketResponse(protocols=self.protocol, max_msg_size=64 * 2**20)
        await ws.prepare(request)
        self.sockets.append(ws)
        async for frame in ws:
            if frame.type is WSMsgType.TEXT:
                await ws.send_str(frame.data)
            elif frame.type is WSMsgType.BINARY:
                await ws.send_bytes(frame.data)
        self.closed_with.append(ws.close_code)
        return ws


@dataclass
class FakePortal:
    """Answers the gateway's questions out of a few dicts; can be slow, broken or away."""

    upstream: str = ""
    tickets: dict[str, tuple[Desk, str]] = field(default_factory=dict)  # hash → desk, session
    sessions: dict[str, Desk] = field(default_factory=dict)  # hash → desk
    asked: list[str] = field(default_factory=list)
    trouble: str = ""  # "", "500", "hangs", "nonsense"
    state: dict[str, Any] = field(default_factory=lambda: dict(STATE))
    acted: list[str] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)  # hash of a session → another person
    holders: dict[Desk, tuple[str, str]] = field(default_factory=dict)  # session's hash, window
    admitted: set[str] = field(default_factory=set)  # let in since a window took the stream
    away: bool = False  # the desktop is: it is told about, and leads nowhere
    refuses: int = 0  # what stop and extend are answered, if not done
    _runner: web.ServerRunner | None = None
    port: int = 0

    async def start(self) -> None:
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        said = dict(request.headers)
        if not signing.verified(KEY, said, method="POST", path=request.path, body=body):
            return web.json_response({"error": "not_the_gateway"}, status=403)
        self.asked.append(request.path)
        if self.trouble == "500":
            return web.Response(status=500)
        if self.trouble == "nonsense":
            return web.Response(text="<html>hello")
        if self.trouble == "hangs":
            await asyncio.sleep(3600)
        status, told = self._answer(request.path, json.loads(body))
        return web.json_response(told, status=status)

    def _answer(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/internal/check":
            valid = [one for one in asked["sessions"] if one in self.sessions and not self.away]
            lost = [one for one in valid if self._superseded(one)]
            return 200, {"valid": valid, "superseded": lost}
        desk = Desk(uuid.UUID(asked["desktop"]), asked["app"])
        if path == "/internal/redeem":
            known, session = self.tickets.pop(asked["ticket"], (None, ""))
            if known != desk:
                return 410, {"error": "ticket_refused"}
            self.sessions[digest(session)] = desk
            self.admitted.add(digest(session))
            return 200, {"session": session}
        found = self.sessions.get(asked["session"])
        if found is None:
            return 401, {"error": "no_session"}
        if found != desk:
            return 404, {"error": "another_desktop"}
        if path in ("/internal/stop", "/internal/extend"):
            return self._act(path.rsplit("/", 1)[-1])
        if path == "/internal/take":
            self.holders[desk] = asked["session"], asked["window"]
            self.admitted.clear()
        if path in ("/internal/state", "/internal/take"):
            return 200, self._seen(asked["session"], desk)
        if self.away:
            return 401, {"error": "no_session"}
        told = {"upstream": self.upstream, "secret": SECRET, "generation": 1}
        told["superseded"] = self._superseded(asked["session"])
        return 200, told | {"title": "WebUI" if desk.app else "", "panel": desk.app == "webui"}

    def _seen(self, session: str, desk: Desk) -> dict[str, Any]:
        by, window = self.holders.get(desk, ("", ""))
        people = self.people.get(by, ""), self.people.get(session, "")
        who = people[0] if people[0] != people[1] else ""
        holder = {"window": window, "who": who} if window else None
        return self.state | {"now": datetime.now(UTC).isoformat(), "holder": holder}

    def _superseded(self, session: str) -> bool:
        holder = self.holders.get(self.sessions[session])
        new = session in self.admitted
        return holder is not None and holder[0] != session and not new

    def _act(self, verb: str) -> tuple[int, dict[str, Any]]:
        if self.refuses:
            return self.refuses, {"error": "refused"}
        self.acted.append(verb)
        if verb == "stop":
            self.state |= {"status": "stopping", "open": False}
        else:
            later = datetime.now(UTC) + timedelta(minutes=30)
            self.state |= {"idle": {"stops_at": later.isoformat()}, "notices": []}
        return 200, self.state | {"now": datetime.now(UTC).isoformat()}


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def listening() -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one


class World:
    """One gateway, one echoing desktop, one fake portal; `desk` is let in by `session`."""

    def __init__(self, folder: Path, *, portal_url: str = "", portal_origin: str = "") -> None:
        self.background = Background()
        self.desktop, self.portal = EchoDesktop(), FakePortal()
        self.folder = folder
        self.desk = Desk(uuid.uuid4())
        self.app = Desk(self.desk.id, "webui")
        self.session = "s3ssion"
        self._given_url, self._given_origin = portal_url, portal_origin

    def up(self, *, key: str = KEY) -> World:
        self.stream = self.folder / "stream.sock"
        self.background.run(self.desktop.start(self.stream))
        self.portal.upstream = f"unix:{self.stream}"
        self.background.run(self.portal.start())
        one = listening()
        self.port = one.getsockname()[1]
        settings = Settings(
            port=self.port,
            portal_origin=self._given_origin or f"http://localhost:{self.portal.port}",
            portal_url=self._given_url or f"http://127.0.0.1:{self.portal.port}",
            desk_origin=f"http://d-{{id}}.localhost:{self.port}",
            key=key,
        )
        self.settings = settings

        async def start() -> tuple[Gateway, Callable[[], Awaitable[None]]]:
            gateway = Gateway(settings)
            return gateway, await begin(gateway, [one])

        self.gateway, self._stop = self.background.run(start())
        self.let_in(self.session, self.desk)
        return self

    def down(self) -> None:
        for end in (self._stop, self.desktop.stop, self.portal.stop):
            with contextlib.suppress(Exception):
                self.background.run(end())  # type: ignore[arg-type]
        self.background.end()

    def let_in(self, session: str, desk: Desk, *, who: str = "") -> None:
        self.portal.sessions[digest(session)] = desk
        self.portal.admitted.add(digest(session))
        self.portal.people[digest(session)] = who

    def throw_out(self, session: str = "") -> None:
        self.portal.sessions.pop(digest(session or self.session), None)

    def origin(self, desk: Desk | None = None) -> str:
        return hosts.origin(self.settings.desk_origin, desk or self.desk)

    def host(self, desk: Desk | None = None) -> str:
        return self.origin(desk).removeprefix("http://")

    def cookie(self, session: str = "") -> str:
        return f"__Host-desk={session or self.session}"

    # --- Raw speech -----------------------------------------------------------------------------

    def dial(self, *, seconds: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def say(self, text: bytes, *, seconds: float = 5, quiet: float = 0.3) -> bytes:
        """What comes back until the gateway closes, or is silent after having said something.

        Our side stays open: a browser that hangs up is answered nothing.
        """
        got = bytearray()
        with self.dial(seconds=seconds) as one, contextlib.suppress(TimeoutError, OSError):
            one.sendall(text)
            while piece := one.recv(65536):
                got += piece
                one.settimeout(quiet)
        return bytes(got)

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        desk: Desk | None = None,
        cookie: str | None = None,
        body: bytes | None = None,
        more: list[tuple[str, str]] | None = None,
    ) -> Reply:
        """One well-formed request, written by hand so that every byte is ours."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host(desk)}", "Connection: close"]
        cookie = self.cookie() if cookie is None else cookie
        if cookie:
            lines.append(f"Cookie: {cookie}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in more or []]
        with self.dial() as one:
            one.sendall("\r\n".join([*lines, "", ""]).encode("latin1") + (body or b""))
            return Reply.of(read_all(one))


def read_all(one: socket.socket) -> bytes:
    got = bytearray()
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while piece := one.recv(65536):
            got += piece
    return bytes(got)


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of(cls, raw: bytes) -> Reply:
        head, _blank, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin1").split("\r\n")
        assert first.startswith("HTTP/1.1 "), raw[:200]
        pairs = [line.partition(":") for line in lines]
        found = [(name.strip(), value.strip()) for name, _colon, value in pairs]
        return cls(int(first.split()[1]), found, body)

    def get(self, name: str) -> list[str]:
        return [value for one, value in self.headers if one.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")
