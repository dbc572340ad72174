"""What passes through the fault proxy: HTTP/1.1 by hand, as far as an API server speaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Which = Callable[["Request"], bool]


@dataclass(frozen=True)
class Request:
    """One request of the client's, however it was answered."""

    at_s: float  # time.monotonic()
    method: str
    path: str
    query: str

    @property
    def is_watch(self) -> bool:
        return "watch=" in self.query


@dataclass
class Refusal:
    status: int
    reason: str
    which: Which
    left: int | None  # None: until `heal`
    headers: dict[str, str]


@dataclass(eq=False)
class Stream:
    """A watch that passes."""

    client: asyncio.StreamWriter
    path: str
    between_events: bool = True
    mute: bool = False
    events: list[bytes] = field(default_factory=list)  # to be said at the next end of an event
    cut: bool = False  # end in the middle of the next event

    @property
    def passes(self) -> bool:
        return not self.mute and not self.client.is_closing()


def anything(_request: Request) -> bool:
    return True


def watches(request: Request) -> bool:
    return request.is_watch


async def chunk_of(reader: asyncio.StreamReader) -> bytes:
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    data = await reader.readexactly(size)
    await reader.readexactly(2)
    return data


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _colon, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None


def status_object(status: int, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{reason}: injected by a test",
        "reason": reason,
        "code": status,
    }


def answer(refusal: Refusal) -> bytes:
    body = json.dumps(status_object(refusal.status, refusal.reason)).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **refusal.headers,
    }
    lines = [f"HTTP/1.1 {refusal.status} {refusal.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
