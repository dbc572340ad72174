"""The files' real server on a socket file of its own, and whoever asks it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.running import ROOT, eventually

SERVER = ROOT / "images" / "desktop" / "files" / "server.py"


class Files:
    """The real server, on a socket file of its own."""

    def __init__(self, place: Path) -> None:
        self.home, self.socket = place / "home", place / "files.sock"
        (self.home / "Outputs").mkdir(parents=True)
        self.begin()

    def begin(self) -> None:
        self.socket.unlink(missing_ok=True)
        # Root may read everything, and the server is not to: without that, it is as a person.
        plain = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        self.child = subprocess.Popen(
            [
                *(plain if os.geteuid() == 0 and shutil.which("setpriv") else ()),
                sys.executable,
                SERVER,
                "--socket",
                str(self.socket),
            ],
            env=os.environ | {"HOME": str(self.home)},
        )
        eventually(self._hears, what="its socket")

    def _hears(self) -> bool:
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(str(self.socket)) == 0

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("desk", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def get(self, name: str, **query: str) -> tuple[int, Any]:
        status, _headers, body = self.ask("GET", f"/api/{name}?{urlencode(query)}")
        return status, json.loads(body)

    def file(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("GET", f"/api/file?{urlencode({'path': path})}", **headers)

    def post(self, name: str, said: object) -> tuple[int, Any]:
        status, _headers, body = self.ask("POST", f"/api/{name}", json.dumps(said).encode())
        return status, json.loads(body)

    def put(self, path: str, offset: int, size: int, piece: bytes, **more: str) -> tuple[int, Any]:
        query = urlencode({"path": path, "offset": offset, "size": size} | more)
        status, _headers, body = self.ask("PUT", f"/api/upload?{query}", piece)
        return status, json.loads(body)

    def end(self) -> None:
        self.child.kill()
        self.child.wait()
