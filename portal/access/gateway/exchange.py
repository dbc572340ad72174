"""One HTTP request and its answer, both ways piece by piece: nothing is gathered here."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from portal.access.gateway.headers import Headers
from portal.access.gateway.live import Held

CHUNK = 65536
BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# What aiohttp would add of its own.
NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class JarRefused(Exception):
    """An app's server does not read its own cookies any more."""


async def carry(
    request: web.BaseRequest,
    client: aiohttp.ClientSession,
    *,
    address: str,
    passed: CIMultiDict[str],
    back: Callable[[Headers], Headers],
    held: Held,
    guarded: bool,
    jar_is_full: bool,
    appended: bytes = b"",
) -> web.StreamResponse:
    """`guarded`: what answers asks for our secret, so a 401 is not meant for the browser.

    `appended`: what an answer ends with if it is a page that can be read as it comes.
    `jar_is_full`: the cookies are so long that many servers would refuse them.
    Raises: JarRefused if this one does. ValueError for an answer that is none.
    """
    # The connection is cut when the right ends, whatever is on it; the handler goes with it.
    held.ended.add_done_callback(lambda _code: cut(request))
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    async with client.request(
        request.method,
        yarl.URL(address, encoded=True),
        headers=passed,
        skip_auto_headers=NOT_ADDED,
        data=request.content if request.body_exists else None,
        allow_redirects=False,
    ) as got:
        if got.status == HTTPStatus.UNAUTHORIZED and guarded:
            raise ValueError("the desktop does not know our secret")
        if jar_is_full and _not_read(got, asks=request.method in ("GET", "HEAD")):
            raise JarRefused
        if got.status < HTTPStatus.OK:
            raise ValueError("the desktop switches protocols unasked")
        answer = web.StreamResponse(status=got.status, reason=got.reason)
        answer.headers.extend(back(got.headers))
        if appended and not _is_plain_page(got):
            appended = b""
        if appended and got.content_length is not None:
            answer.headers["Content-Length"] = str(got.content_length + len(appended))
        return await _copy(request, got, answer, appended)


def _not_read(got: aiohttp.ClientResponse, *, asks: bool) -> bool:
    """The server did not understand the request, so it ends the connection too.

    `asks`: the request has nothing else that an app could find wrong.
    """
    if got.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return True
    ends = got.version == aiohttp.HttpVersion10 or "close" in got.headers.get("Connection", "")
    return asks and got.status == HTTPStatus.BAD_REQUEST and ends


def _is_plain_page(got: aiohttp.ClientResponse) -> bool:
    """Whole, not packed, and in letters of which ours are a part."""
    kind = got.headers.get("Content-Type", "").lower()
    packed = got.headers.get("Content-Encoding", "identity").lower() != "identity"
    whole = got.status not in BODILESS | {HTTPStatus.PARTIAL_CONTENT}
    wide = "utf-16" in kind or "utf-32" in kind
    saved = got.headers.get("Content-Disposition", "").lower().lstrip().startswith("attachment")
    plain = got.content_type == "text/html" and not saved
    return plain and whole and not packed and not wide


async def _copy(
    request: web.BaseRequest,
    got: aiohttp.ClientResponse,
    answer: web.StreamResponse,
    appended: bytes,
) -> web.StreamResponse:
    try:
        await answer.prepare(request)
        if request.method != "HEAD" and got.status not in BODILESS:
            async for piece in got.content.iter_chunked(CHUNK):
                await answer.write(piece)
            if appended:
                await answer.write(appended)
        await answer.write_eof()
    except (aiohttp.ClientError, OSError):
        # Too late for another answer: a cut connection says that this one is not whole.
        cut(request)
    return answer


def cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
