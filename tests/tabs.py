"""A Chromium whose tabs are hidden while another is in front, and whose windows are all visible.

Playwright tells every page that it is looked at; this one is spoken to without it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from tests.browsing import CHROMIUM, FLAGS
from tests.running import eventually

DEADLINE_S = 30


class Tab:
    def __init__(self, chromium: Chromium, id: str) -> None:
        self.chromium, self.id = chromium, id
        self._socket = chromium.socket(f"page/{id}")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return _send(self._socket, method, params)

    def ask(self, expression: str) -> Any:
        """What JavaScript answers there; None while one page makes way for the next."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True)
        answer = answer.get("result", {})
        return answer.get("value") if answer.get("subtype") != "error" else None

    def until(self, expression: str, *, seconds: float = DEADLINE_S) -> Any:
        return eventually(lambda: self.ask(expression), seconds=seconds, what=expression)

    def go(self, url: str, *, seconds: float = DEADLINE_S) -> None:
        self.send("Page.navigate", url=url)
        loaded = f"location.href === '{url}' && document.readyState === 'complete'"
        self.until(loaded, seconds=seconds)

    def bring_to_front(self) -> None:
        self.send("Page.bringToFront")
        self.until("!document.hidden")

    def close(self) -> None:
        self.send("Page.close")
        self._socket.close()


class Chromium:
    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._socket = self.socket(path)

    def socket(self, path: str) -> websocket.WebSocket:
        where = path if "devtools" in path else f"/devtools/{path}"
        url = f"ws://127.0.0.1:{self._port}{where}"
        return websocket.create_connection(url, timeout=DEADLINE_S, suppress_origin=True)

    def tab(self, *, window: bool = False) -> Tab:
        """A new one, in front; in a window of its own or beside the others."""
        params = {"url": "about:blank", "newWindow": window}
        return Tab(self, _send(self._socket, "Target.createTarget", params)["targetId"])

    def set_cookie(self, **cookie: Any) -> None:
        _send(self._socket, "Storage.setCookies", {"cookies": [cookie]})


def _send(socket: websocket.WebSocket, method: str, params: dict[str, Any]) -> dict[str, Any]:
    socket.send(json.dumps({"id": 1, "method": method, "params": params}))
    while True:
        answer = json.loads(socket.recv())
        if answer.get("id") == 1:
            assert "error" not in answer, (method, answer)
            result: dict[str, Any] = answer["result"]
            return result


@contextmanager
def chromium() -> Iterator[Chromium]:
    with tempfile.TemporaryDirectory(prefix="tabs-", ignore_cleanup_errors=True) as folder:
        told = Path(folder) / "DevToolsActivePort"
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            found = eventually(
                lambda: re.fullmatch(
                    r"(\d+)\n(\S+)\s*", told.read_text() if told.exists() else ""
                ),
                seconds=DEADLINE_S,
                what="Chromium's port",
            )
            yield Chromium(int(found[1]), found[2])
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
