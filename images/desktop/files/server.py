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
import mimetypes
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, quote

sys.path.insert(0, str(Path(__file__).resolve().parent))

import home
import names
import ranges
import settings
import zips
from connection import Connection
from home import Refused
from uploads import Upload

PAGE = Path(__file__).resolve().parent / "page"
QUIET_S = 300.0  # then one that is alone ends
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


class Handler(Connection):
    """What the page asks for."""

    server: Server

    def asked(self) -> AbstractContextManager[None]:
        return self.server.asked()

    # --- Looking --------------------------------------------------------------------------------

    def get_list(self) -> None:
        self._json(home.listing(self.query.get("path", ""), hidden="hidden" in self.query))

    def get_pictures(self) -> None:
        self._json(home.pictures(max(0, int(self.query.get("from", "0"))), 60))

    def get_about(self) -> None:
        """What a picture says of how it was made."""
        self._json({"text": settings.of(self.query.get("path", ""))})

    def get_file(self) -> None:
        path = home.inside(self.query.get("path", ""))
        with home.opened(path) as file:
            about = os.fstat(file.fileno())
            valid = ranges.Validators.of(about, time.time())
            no = ranges.refusal(self.headers, valid)
            if no == HTTPStatus.NOT_MODIFIED:
                self._head(no, valid.headers())
                return
            if no is not None:
                raise Refused(no, "changed")
            begin, end = 0, about.st_size
            headers = self._kind(path.name) | valid.headers() | {"Accept-Ranges": "bytes"}
            status = HTTPStatus.OK
            if self.command == "GET":  # of a HEAD a range has no meaning
                try:
                    part = ranges.part(self.headers, valid, about.st_size)
                except ranges.Unsatisfiable:
                    self._json(
                        {"error": "range", "detail": ""},
                        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                        headers={"Content-Range": f"bytes */{about.st_size}"},
                    )
                    return
                if part is not None:
                    begin, end = part
                    status = HTTPStatus.PARTIAL_CONTENT
                    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{about.st_size}"
            self._head(status, headers | {"Content-Length": str(end - begin)})
            if self.command == "GET":
                self._send(file, about, begin, end)

    def _kind(self, name: str) -> dict[str, str]:
        """How the browser is to take it: shown, or handed out."""
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        shown = kind in SHOWN and "download" not in self.query
        how = "inline" if shown else "attachment"
        called = quote(names.readable(name), safe="")
        return {
            "Content-Type": kind if shown else "application/octet-stream",
            "Content-Disposition": f"{how}; filename*=UTF-8''{called}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-cache",
        }

    def _send(self, file: IO[bytes], about: os.stat_result, begin: int, end: int) -> None:
        """Changed: it was written to meanwhile. Then the last bytes stay here, so that whoever
        gets the rest knows that it is not whole."""
        file.seek(begin)
        left = end - begin
        while left:
            piece = file.read(min(CHUNK, left))
            left -= len(piece)
            if not left or not piece:
                home.unchanged(file, about)
            if not piece:
                raise home.Changed
            self.wfile.write(piece)

    # --- Changing -------------------------------------------------------------------------------

    def put_upload(self) -> None:
        """A piece of a file, and how much is there then; see `uploads` for what it says."""
        length = self._body.length()
        if length > PIECE_MOST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "piece", str(PIECE_MOST))
        upload = self._upload()
        there = upload.take(
            self._body,
            int(self.query.get("offset", "0")),
            self.query.get("before", ""),
            self.query.get("digest", ""),
            fresh="fresh" in self.query,
        )
        self._json({"there": there, "done": there == upload.size})

    def get_upload(self) -> None:
        """How much of an upload that was cut short is there already."""
        self._json(self._upload().there())

    def _upload(self) -> Upload:
        said = self.query
        return Upload(said.get("path", ""), int(said.get("size", "-1")), said.get("key", ""))

    def post_folder(self) -> None:
        home.make_folder(str(self._said().get("path", "")))
        self._json({})

    def post_rename(self) -> None:
        said = self._said()
        home.rename(str(said.get("path", "")), str(said.get("name", "")))
        self._json({})

    def post_delete(self) -> None:
        for path in _paths(self._said()):
            home.delete(path)
        self._json({})

    def post_zippable(self) -> None:
        """Whether all of `paths` can be had; a download that fails says so only by breaking."""
        zips.check([home.inside(path) for path in _paths(self._said())])
        self._json({})

    def post_zip(self) -> None:
        """A form with `path` once or more; streamed, so its length is not known before."""
        body = parse_qs(self._read().decode(), errors="surrogateescape")
        paths = [home.inside(path) for path in body.get("path", [])]
        if not paths:
            raise Refused(HTTPStatus.BAD_REQUEST, "nothing")
        zips.check(paths)
        name = f"{names.readable(paths[0].name) if len(paths) == 1 else 'files'}.zip"
        chunked = self.request_version == "HTTP/1.1"
        self._head(
            HTTPStatus.OK,
            {
                "Content-Type": "application/zip",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            }
            | ({"Transfer-Encoding": "chunked"} if chunked else {"Connection": "close"}),
        )
        zips.write(zips.Chunked(self.wfile, chunked=chunked), paths)

    # --- The page -------------------------------------------------------------------------------

    def page(self, name: str) -> None:
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


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, path: str = "", port: int = 0) -> None:
        self._asked_s, self._busy, self._count = time.monotonic(), 0, threading.Lock()
        self._path = path
        if path:
            self.address_family = socket.AF_UNIX
            draft = os.path.join(os.path.dirname(path), ".new")  # noqa: PTH118, PTH120
            with suppress(FileNotFoundError):
                os.unlink(draft)  # noqa: PTH108 - of one that was cut short
            super().__init__(draft, Handler)  # type: ignore[arg-type]
        else:
            super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "desk", 0

    def server_activate(self) -> None:
        """Its socket has its name once it answers: whoever waits for the name may connect."""
        super().server_activate()
        if self._path:
            os.replace(self.server_address, self._path)  # type: ignore[arg-type] # noqa: PTH105

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around each request: a long download is not quiet."""
        with self._count:
            self._busy += 1
        try:
            yield
        finally:
            with self._count:
                self._busy -= 1
            self._asked_s = time.monotonic()

    def end_when_quiet(self) -> None:
        while self._busy or time.monotonic() - self._asked_s < QUIET_S:
            time.sleep(1)
        self.shutdown()


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
