"""A browser's connection: what is refused on it before anybody looks at who asks.

aiohttp answers what it cannot read by itself, and those answers quote the request: to any script
of a WebUI whose own cookies make the header too long, they would show the cookie of the desktop
session, which no script may see. So these answers are ours: the same bytes for everybody.

How much is read: a browser's whole jar fits (180 cookies a site, 4096 bytes each), so that it is
the gateway who meets a jar that is too full, knows whose it is, and can empty it. What one
connection may make us hold is bounded all the same: a head is counted as a whole.
"""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from portal.access.gateway import pages

log = logging.getLogger("gateway")

LINE_MOST = 65536
HEAD_MOST = 2**20
PIECES_MOST = 1024


class Server(web.Server):
    """Serves `handler` on connections of the kind below."""

    def __init__(self, handler: Any, *, cancel_when_gone: bool, **options: Any) -> None:
        super().__init__(handler, handler_cancellation=cancel_when_gone)
        self._options = options

    def __call__(self) -> RequestHandler:
        return Connection(
            self,
            loop=self._loop,
            max_line_size=LINE_MOST,
            max_field_size=HEAD_MOST,
            **self._options,
        )


class Connection(RequestHandler):
    """Repeats nothing that the other side has said."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._body: StreamReader = EMPTY_PAYLOAD  # of the request that came last
        self._head_bytes = 0  # since the last that was a whole head, or of a body
        self._head_pieces = 0

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        body_ended, body_bytes = self._body.is_eof(), self._body.total_bytes
        super().data_received(data)
        if self._request_count != before:
            self._head_bytes = self._head_pieces = 0
            message, body = self._messages[-1]
            if isinstance(message, RawRequestMessage):
                self._body = body
            elif not body_ended:
                self._break_off(400)
        elif self._upgraded or self.transport is None:
            return
        elif body_ended or self._body.total_bytes == body_bytes:
            self._count(len(data))
        else:
            self._head_bytes = self._head_pieces = 0

    def _count(self, length: int) -> None:
        """Of a head, of trailers, of sizes of chunks: what the parser keeps, and goes through
        again with every piece. Nothing else bounds it.
        """
        self._head_bytes += length
        self._head_pieces += 1
        if self._head_bytes > HEAD_MOST or self._head_pieces > PIECES_MOST:
            self._break_off(431)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Instead of aiohttp's, which quotes. Raises: ConnectionError if an answer has begun."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        if isinstance(exc, LineTooLong):
            status = 431
        log.info("request.refused status=%d why=%s", status, type(exc).__name__)
        answer = pages.refusal(status)
        answer.force_close()
        return answer

    def _break_off(self, status: int) -> None:
        """What came makes no sense or no end: whoever reads it would wait for ever."""
        begun = self._current_request
        if begun is None or begun.writer.output_size == 0:
            self._refuse(status)
        elif self.transport is not None:
            self.transport.abort()  # a cut connection says that the answer is not whole

    def _refuse(self, status: int) -> None:
        """Answered past whoever handles a request now, who is cancelled with the connection."""
        log.info("request.refused status=%d why=unfinished", status)
        if self.transport is not None:
            self.transport.write(pages.raw_refusal(status))
        self.force_close()
