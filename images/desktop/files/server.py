#!/usr/bin/python3
"""The files of one desktop, over HTTP: a page, and what it asks for. Standard library only.

    server.py --socket PATH | --port N [--alone]

Runs as the desktop's own user, beside the session or, while the desktop rests, alone in a sandbox
(`--alone`: ends when nobody has asked for anything for a while). Who may come here is decided
before: by the gateway, and by the folder of the socket or the guard in front of the port. What is
served is the tenant's own, at an origin of its own, so the worst that a file could do is to trick
its owner: nothing that could run is ever shown, only handed out as a download.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

import home
from home import Refused

PAGE = Path(__file__).resolve().parent / "page"
QUIET_S = 300.0  # then one that is alone ends
BODY_MOST = 1 << 20  # of a JSON question
PIECE_MOST = 64 << 20  # of an upload
CHUNK = 1 << 18
# Shown in the browser; everything else is handed out as a file.
SHOWN = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "text/plain"}
SHOWN |= {"video/mp4", "video/webm", "audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav"}
OURS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob: data:; media-src 'self'; font-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Handler(BaseHTTPRequestHandler):
    """One connection; the paths of `api` are called by their names."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 120

    def do_GET(self) -> None:
        self._answer("get")

    def do_HEAD(self) -> None:
        self._answer("get")

    def do_POST(self) -> None:
        self._answer("post")

    def do_PUT(self) -> None:
        self._answer("put")

    def _answer(self, verb: str) -> None:
        self.server.asked()
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        name = unquote(parts.path).strip("/")
        try:
            if name.startswith("api/"):
                known = getattr(self, f"{verb}_{name.removeprefix('api/')}", None)
                if known is None:
                    raise Refused(HTTPStatus.NOT_FOUND, "unknown", name)
                known()
            elif verb == "get":
                self._page(name or "index.html")
            else:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "unknown", name)
        except Refused as no:
            self._json({"error": no.code, "detail": no.detail}, status=no.status)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True
        except OSError as error:
            no = home.worded(error)
            with suppress(OSError):
                self._json({"error": no.code, "detail": no.detail}, status=no.status)

    # --- Looking --------------------------------------------------------------------------------

    def get_list(self) -> None:
        self._json(home.listing(self.query.get("path", ""), hidden="hidden" in self.query))

    def get_pictures(self) -> None:
        self._json(home.pictures(int(self.query.get("from", "0")), 60))

    def get_about(self) -> None:
        """What a picture says of how it was made."""
        self._json({"text": home.parameters(self.query.get("path", ""))})

    def get_file(self) -> None:
        path = home.inside(self.query.get("path", ""))
        with home.opened(path) as file:
            about = os.fstat(file.fileno())
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            shown = kind in SHOWN and "download" not in self.query
            etag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
            if self.headers.get("If-None-Match") == etag:
                self._head(HTTPStatus.NOT_MODIFIED, {"ETag": etag, "Content-Length": "0"})
                return
            begin, end = _range(self.headers.get("Range", ""), about.st_size)
            whole = (begin, end) == (0, about.st_size)
            how = "inline" if shown else "attachment"
            headers = {
                "Content-Type": kind if shown else "application/octet-stream",
                "Content-Length": str(end - begin),
                "Content-Disposition": f"{how}; filename*=UTF-8''{quote(path.name, safe='')}",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Accept-Ranges": "bytes",
                "Cache-Control": "private, no-cache",
                "ETag": etag,
            }
            if not whole:
                headers["Content-Range"] = f"bytes {begin}-{end - 1}/{about.st_size}"
            self._head(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT, headers)
            if self.command == "HEAD":
                return
            file.seek(begin)
            left = end - begin
            while left and (piece := file.read(min(CHUNK, left))):
                self.wfile.write(piece)
                left -= len(piece)
            if left:  # it became shorter meanwhile: a cut connection says so
                self.close_connection = True

    # --- Changing -------------------------------------------------------------------------------

    def put_upload(self) -> None:
        """A piece of a file: `path`, `offset`, `size` of it all. Answers how much is there."""
        length = int(self.headers.get("Content-Length", "0"))
        if length > PIECE_MOST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "piece", str(PIECE_MOST))
        upload = home.Upload(self.query.get("path", ""), int(self.query.get("size", "-1")))
        try:
            there = upload.take(int(self.query.get("offset", "0")), self.rfile, length)
        except BaseException:
            self.close_connection = True  # the rest of the body is still on its way
            raise
        self._json({"there": there, "done": there == upload.size})

    def get_upload(self) -> None:
        """How much of an upload that was cut short is there already."""
        upload = home.Upload(self.query.get("path", ""), int(self.query.get("size", "-1")))
        self._json({"there": upload.there()})

    def post_folder(self) -> None:
        home.make_folder(str(self._said()["path"]))
        self._json({})

    def post_rename(self) -> None:
        said = self._said()
        home.rename(str(said["path"]), str(said["name"]))
        self._json({})

    def post_delete(self) -> None:
        for path in _paths(self._said()):
            home.delete(path)
        self._json({})

    def post_zip(self) -> None:
        """A form with `path` once or more; streamed, so its length is not known before."""
        body = self.rfile.read(self._length()).decode()
        paths = [home.inside(path) for path in parse_qs(body).get("path", [])]
        if not paths:
            raise Refused(HTTPStatus.BAD_REQUEST, "nothing")
        name = f"{paths[0].name if len(paths) == 1 else 'files'}.zip"
        self._head(
            HTTPStatus.OK,
            {
                "Content-Type": "application/zip",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
                "Connection": "close",
            },
        )
        self.close_connection = True
        home.zip_to(self.wfile, paths)

    # --- Answers --------------------------------------------------------------------------------

    def _page(self, name: str) -> None:
        path = PAGE / name
        if not path.is_file() or path.resolve().parent != PAGE:
            raise Refused(HTTPStatus.NOT_FOUND, "unknown", name)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        body = path.read_bytes()
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **OURS}
        self._head(HTTPStatus.OK, headers | {"Cache-Control": "no-cache"})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, said: Any, *, status: int = HTTPStatus.OK) -> None:
        body = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogateescape")
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, headers | {"Cache-Control": "no-store"})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def _length(self) -> int:
        length = int(self.headers.get("Content-Length", "0"))
        if length > BODY_MOST:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
        return length

    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self.rfile.read(self._length()))
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "body")
        return said

    def log_message(self, *_: object) -> None:
        """Names of files are nobody else's business."""

    def address_string(self) -> str:
        return "gateway"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, path: str = "", port: int = 0) -> None:
        self._asked_s = time.monotonic()
        if path:
            self.address_family = socket.AF_UNIX
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - a socket of an earlier one
            super().__init__(path, Handler)  # type: ignore[arg-type]
        else:
            super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "desk", 0

    def asked(self) -> None:
        self._asked_s = time.monotonic()

    def end_when_quiet(self) -> None:
        while time.monotonic() - self._asked_s < QUIET_S:
            time.sleep(1)
        self.shutdown()


def _range(text: str, size: int) -> tuple[int, int]:
    """First byte and the one after the last; everything where nothing sensible is asked for."""
    if text.startswith("bytes=") and "," not in text:
        first, _, last = text[6:].partition("-")
        if first.isdigit() and int(first) < size:
            return int(first), min(size, int(last) + 1) if last.isdigit() else size
        if not first and last.isdigit() and int(last):
            return max(0, size - int(last)), size
    return 0, size


def _paths(said: dict[str, Any]) -> list[str]:
    paths = said.get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise Refused(HTTPStatus.BAD_REQUEST, "body")
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", default="")
    where.add_argument("--port", type=int, default=0)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    os.umask(0o007)  # the gateway's group may use the socket
    server = Server(path=options.socket, port=options.port)
    os.umask(0o077)
    if options.alone:
        threading.Thread(target=server.end_when_quiet, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
