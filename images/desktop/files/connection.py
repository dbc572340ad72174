"""One connection to the files' server: what was asked, and answers that arrive."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import home
from bodies import Body
from home import Refused

BODY_MOST = 1 << 20  # of a JSON question


class Connection(BaseHTTPRequestHandler):
    """Paths below `api` are called by their names: `get_list`, `put_upload`."""

    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self) -> None:
        self._answer("get")

    def do_HEAD(self) -> None:
        self._answer("get")

    def do_POST(self) -> None:
        self._answer("post")

    def do_PUT(self) -> None:
        self._answer("put")

    def do_DELETE(self) -> None:
        self._answer("delete")

    do_PATCH = do_OPTIONS = do_DELETE

    def _answer(self, verb: str) -> None:
        with self.asked():
            self._answer_once(verb)

    def _answer_once(self, verb: str) -> None:
        self._began = False
        self._body = Body(self.rfile, self.connection, self.headers)
        try:
            self._body.length()
            self._do(verb)
        except Refused as no:
            self._refuse(no)
        except (BrokenPipeError, ConnectionResetError, TimeoutError, home.Changed):
            self.close_connection = True
        except OSError as error:
            self._refuse(home.worded(error))
        except ValueError:  # a number that is none, a name that is none
            self._refuse(Refused(HTTPStatus.BAD_REQUEST, "broken"))
        # A browser hears an answer once it has sent all, and a rest would be the next request.
        if not self._body.drain():
            self.close_connection = True
        self.connection.settimeout(self.timeout)

    def _do(self, verb: str) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, errors="surrogateescape")
        self.query = {key: values[-1] for key, values in query.items()}
        name = unquote(parts.path).strip("/")
        if name.startswith("api/"):
            known = getattr(self, f"{verb}_{name.removeprefix('api/')}", None)
            if known is None:
                raise Refused(HTTPStatus.NOT_FOUND, "unknown", name)
            known()
        elif verb == "get":
            self.page(name or "index.html")
        else:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "unknown", name)

    def _refuse(self, no: Refused) -> None:
        if self._began:  # too late for another answer: a cut connection says that it is not whole
            self.close_connection = True
            return
        with suppress(OSError):
            self._json({"error": no.code, "detail": no.detail}, status=no.status)

    def asked(self) -> AbstractContextManager[None]:
        """Somebody is there, until it is answered."""
        return nullcontext()

    def page(self, name: str) -> None:
        """A file of the page itself. Refused."""
        raise NotImplementedError

    # --- Answers --------------------------------------------------------------------------------

    def _json(
        self, said: Any, *, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
    ) -> None:
        # Half a surrogate pair in what was asked for comes back as JSON writes it.
        body = json.dumps(said, ensure_ascii=False).encode("utf-8", "backslashreplace")
        own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, own | {"Cache-Control": "no-store"} | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self._began = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def _read(self) -> bytes:
        if self._body.length() > BODY_MOST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
        return self._body.read(BODY_MOST)

    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self._read())
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "body")
        return said

    def log_message(self, *_: object) -> None:
        """Names of files are nobody else's business."""

    def address_string(self) -> str:
        return "gateway"
