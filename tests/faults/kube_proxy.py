"""Stands between the platform and the real API server, and hurts what passes, on command.

TLS on both sides, as between any client and a real API server. Every request gets a connection of
its own to the server, so that a server that goes away is seen at once; watches pass chunk by
chunk. All that passed is counted, with its moment, for tests that ask how often somebody asked.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from tests.cluster.control_plane import ControlPlane
from tests.faults.wire import (
    Refusal,
    Request,
    Stream,
    Which,
    answer,
    anything,
    chunk_of,
    chunked,
    header,
    status_object,
)


class FaultProxy:
    """Passes everything until told otherwise; `heal` makes it pass everything again."""

    def __init__(self, plane: ControlPlane, *, listener: socket.socket | None = None) -> None:
        """`listener`: a bound socket to listen on, perhaps of another network namespace."""
        self._plane = plane
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        certificate, key = plane.authority.issue("proxy", "proxy", addresses={"127.0.0.1"})
        self._ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ours.load_cert_chain(certificate, key)
        self._theirs = ssl.create_default_context(cafile=str(plane.authority_path))
        self.requests: list[Request] = []
        self._refusals: list[Refusal] = []
        self._streams: set[Stream] = set()
        self._delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._listener.close()

    def kubeconfig(self, real: Path) -> Path:
        """The same user, who takes us for the API server."""
        document = yaml.safe_load(real.read_text())
        for one in document["clusters"]:
            one["cluster"]["server"] = self.server
        path = real.with_suffix(f".proxy-{self.server.rpartition(':')[2]}.kubeconfig")
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
        return path

    # --- What tests ask --------------------------------------------------------------------------

    def since(self, at_s: float) -> list[Request]:
        return [one for one in list(self.requests) if one.at_s >= at_s]

    def open_watches(self) -> int:
        """Watches that pass and have not been muted."""
        return self._call(lambda: sum(one.passes for one in self._streams))

    # --- Faults ----------------------------------------------------------------------------------

    def heal(self) -> None:
        """New requests pass again. (A stream that was muted stays so: it is lost.)"""

        def heal() -> None:
            self._refusals.clear()
            self._delay_s = 0.0

        self._call(heal)

    def refuse(
        self,
        status: int,
        reason: str,
        *,
        times: int | None = None,
        which: Which = anything,
        **headers: str,
    ) -> None:
        """Answer requests ourselves; `headers` as Retry_After="3"."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        refusal = Refusal(status, reason, which, times, named)
        self._call(lambda: self._refusals.append(refusal))

    def delay(self, seconds: float) -> None:
        """Every request waits so long before it passes."""

        def delay() -> None:
            self._delay_s = seconds

        self._call(delay)

    def say_in_watches(self, status: int, reason: str) -> int:
        """An ERROR event in every open watch, which ends there. How many there were."""
        event = (
            json.dumps({"type": "ERROR", "object": status_object(status, reason)}).encode() + b"\n"
        )

        def say() -> int:
            for stream in self._streams:
                stream.events.append(event)
                self._say(stream)
            return len(self._streams)

        return self._call(say)

    def silence(self) -> int:
        """Open watches stay open and bring nothing any more. How many there were."""

        def silence() -> int:
            for stream in self._streams:
                stream.mute = True
            return len(self._streams)

        return self._call(silence)

    def cut_next_events(self) -> None:
        """Open watches end in the middle of their next event."""

        def cut() -> None:
            for stream in self._streams:
                stream.cut = True

        self._call(cut)

    def drop_connections(self) -> None:
        """Open watches are reset, as by a load balancer that forgets them."""

        def drop() -> None:
            for stream in list(self._streams):
                stream.client.transport.abort()

        self._call(drop)

    # --- Its thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    def _call(self, act: Callable[[], Any]) -> Any:
        async def call() -> Any:
            said = act()
            return await said if asyncio.iscoroutine(said) else said

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    async def _open(self) -> None:
        await asyncio.start_server(self._serve, sock=self._listener, ssl=self._ours, limit=2**20)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._pass_on(reader, writer):
                pass
        writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where its connection is of no more use."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _version = head.split(b"\r\n", 1)[0].decode().split(" ")
        split = urlsplit(target)
        request = Request(time.monotonic(), method, split.path, split.query)
        self.requests.append(request)
        body = await reader.readexactly(int(header(head, b"content-length") or 0))
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if refusal := self._refusal_of(request):
            writer.write(answer(refusal))
            await writer.drain()
            return True
        url = urlsplit(self._plane.server)
        from_server, to_server = await asyncio.open_connection(
            url.hostname, url.port, ssl=self._theirs, limit=2**20
        )
        try:
            to_server.write(head + body)
            await to_server.drain()
            return await self._relay(request, from_server, writer)
        finally:
            to_server.transport.abort()

    def _refusal_of(self, request: Request) -> Refusal | None:
        for refusal in self._refusals:
            if refusal.which(request) and refusal.left != 0:
                refusal.left = None if refusal.left is None else refusal.left - 1
                return refusal
        return None

    async def _relay(
        self, request: Request, server: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> bool:
        head = await server.readuntil(b"\r\n\r\n")
        client.write(head)
        if header(head, b"transfer-encoding") != b"chunked":
            client.write(await server.readexactly(int(header(head, b"content-length") or 0)))
            await client.drain()
            return True
        stream = Stream(client, request.path)
        if request.is_watch:
            self._streams.add(stream)
        try:
            while chunk := await chunk_of(server):
                if not await self._pass_chunk(stream, chunk):
                    return False
            client.write(b"0\r\n\r\n")
            await client.drain()
            return not stream.mute
        finally:
            self._streams.discard(stream)

    async def _pass_chunk(self, stream: Stream, chunk: bytes) -> bool:
        if stream.mute:
            return True
        if stream.cut:
            stream.client.write(chunked(chunk[: len(chunk) // 2]))
            await stream.client.drain()
            return False
        stream.client.write(chunked(chunk))
        stream.between_events = chunk.endswith(b"\n")
        self._say(stream)
        await stream.client.drain()
        return True

    def _say(self, stream: Stream) -> None:
        """What is to be said, once nothing is half said."""
        if stream.events and stream.between_events and not stream.mute:
            stream.client.write(b"".join(chunked(event) for event in stream.events))
            stream.client.write(b"0\r\n\r\n")
            stream.events.clear()
            stream.mute = True  # that was the end of it
