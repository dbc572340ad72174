"""A stand-in for a WebUI: serves, speaks over a WebSocket and paints, with nothing but Python.

It takes what real ones take: a port, a folder for its data, and says on request what it was given.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import struct
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).resolve().parent
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 4.2.2


def png(side: int = 64) -> bytes:
    """A blue square."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = (b"\0" + bytes((34, 55, 195)) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class Answers(BaseHTTPRequestHandler):
    data: ClassVar[Path]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/queue" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.speak()
        elif self.path == "/healthz":
            self.say(b"well", "text/plain")
        elif self.path == "/told":
            self.say(json.dumps(self.told()).encode(), "application/json")
        else:
            name = "page.html" if self.path == "/" else self.path.lstrip("/").partition("?")[0]
            file = (HERE / name).resolve()
            if file.is_relative_to(HERE) and file.suffix in TYPES and file.is_file():
                self.say(file.read_bytes(), TYPES[file.suffix])
            else:
                self.send_error(404)

    def told(self) -> dict[str, object]:
        found = sorted(
            path.relative_to(self.data).as_posix()
            for folder, _names, files in os.walk(self.data, followlinks=True)
            for path in (Path(folder, file) for file in files)
        )
        defaults = self.data / "settings.json"
        return {
            "arguments": sys.argv[1:],
            "environment": os.environ.get("STAND_IN", ""),
            "files": found,
            "defaults": json.loads(defaults.read_text()) if defaults.exists() else {},
            "host": self.headers.get("Host"),
            "scheme": self.headers.get("X-Forwarded-Proto"),
        }

    def say(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def speak(self) -> None:
        """One word at a time: `paint` makes a picture, anything else comes back."""
        key = self.headers["Sec-WebSocket-Key"] + GUID
        digest = hashlib.sha1(key.encode(), usedforsecurity=False).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.close_connection = True
        while (word := self.hear()) is not None:
            answer = self.paint() if word == "paint" else f"heard {word}"
            body = answer.encode()
            self.wfile.write(bytes((0x81, len(body))) + body)

    def hear(self) -> str | None:
        """One short text; None at the end."""
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 0x0F != 1:
            return None
        length = head[1] & 0x7F
        mask = self.rfile.read(4)
        body = self.rfile.read(length)
        return bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)).decode()

    def paint(self) -> str:
        outputs = self.data / "pictures"
        name = f"square-{len(list(outputs.glob('*.png'))) + 1}.png"
        (outputs / name).write_bytes(png())
        return f"painted {name}"

    def log_message(self, *_words: object) -> None:
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    Answers.data = options.data
    ThreadingHTTPServer(("127.0.0.1", options.port), Answers).serve_forever()


if __name__ == "__main__":
    main()
