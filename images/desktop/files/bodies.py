"""What comes with a request: counted, and never left lying on the connection."""

from __future__ import annotations

import socket
import time
from email.message import Message
from http import HTTPStatus
from typing import BinaryIO

from home import Refused

# A browser reads an answer only after it has sent all: what is refused is taken in and forgotten,
# up to this much and this long.
DRAIN_MOST_BYTES, DRAIN_MOST_S, SILENCE_S = 256 << 20, 30.0, 5.0
CHUNK = 1 << 16


class Body:
    """`left`: bytes still to come; None where nobody said how many."""

    def __init__(self, source: BinaryIO, connection: socket.socket, headers: Message) -> None:
        self._source, self._connection = source, connection
        lengths = set(headers.get_all("Content-Length", []))
        self.left: int | None = 0
        if "Transfer-Encoding" in headers:
            self.left = None
        elif lengths:
            length = lengths.pop().strip()
            self.left = int(length) if _is_number(length) and not lengths else None

    def length(self) -> int:
        """Raises:
        Refused: it is not known.
        """
        if self.left is None:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "body")
        return self.left

    def read(self, most: int) -> bytes:
        """Empty at its end, or where whoever sends it has gone."""
        piece = self._source.read(min(most, self.length()))
        self.left = self.length() - len(piece)
        return piece

    def drain(self) -> bool:
        """Take the rest in. False: the connection is of no more use."""
        if self.left == 0:
            return True
        until_s, taken, tail = time.monotonic() + DRAIN_MOST_S, 0, b""
        self._connection.settimeout(SILENCE_S)
        try:
            while taken < DRAIN_MOST_BYTES and time.monotonic() < until_s:
                most = CHUNK if self.left is None else min(CHUNK, self.left)
                piece = self._source.read1(most)  # type: ignore[attr-defined]
                if not piece:
                    return False
                taken += len(piece)
                if self.left is None:
                    tail = (tail + piece)[-5:]
                    if tail == b"0\r\n\r\n":  # the end of one that comes in chunks
                        return False
                else:
                    self.left -= len(piece)
                    if not self.left:
                        return True
        except OSError:
            return False
        finally:
            self._connection.settimeout(None)
        return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
