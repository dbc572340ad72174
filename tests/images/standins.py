"""A setup of the WebUI recipe whose source is our own stand-in, and the contract of any WebUI."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from images import sources

SOURCE = Path(__file__).with_name("standin") / "source"
PORT = 7871
SETUP = """
title = {{ en = "Stand-in", zh = "替身" }}
summary = {{ en = "Stands in for a WebUI.", zh = "代替一个 WebUI。" }}
webui = "Stand-in"
creator = "Tests"
version = "{version}"
licence = "Apache-2.0"
min_vram_mib = 0
size_mib = 1
cover = "blank.webp"

[[apps]]
name = "webui"
port = {port}
title = "Stand-in"
health = "/healthz"

[install.source]
name = "stand-in"
url = "https://code.example.org/stand-in"
commit = "89abcdef0123456789abcdef0123456789abcdef"
tree = "{tree}"

[[install.parts]]
name = "assets"
path = "assets"
tree = "{assets}"

[launch]
main = "main.py"
arguments = ["--port", "{{port}}", "--data", "{{data}}"]
without_gpu = ["--cpu"]
outputs = "pictures"
extensions = "plug-ins"
samples = "styles.csv"
workflows = "workflows"
environment = {{ STAND_IN = "{{source}}" }}
models = {{ lora = "models/Lora", vae = "models/VAE" }}

[launch.defaults."settings.json"]
"width/value" = "width"
"steps/value" = "steps"

[settings]
width = 640
steps = 20
"""


def a_standin(folder: Path, *, port: int = PORT, version: str = "1.0", tree: str = "") -> Path:
    """Its file, in a folder of setups; the slug is `stand-in`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "stand-in.toml"
    tree = tree or sources.tree_id(SOURCE, frozenset({"assets"}))
    assets = sources.tree_id(SOURCE / "assets")
    file.write_text(SETUP.format(port=port, version=version, tree=tree, assets=assets))
    return file


def a_copy(folder: Path) -> Path:
    """The source as somebody would have it, with what running it leaves behind."""
    place = folder / "stand-in"
    shutil.copytree(SOURCE, place)
    (place / "__pycache__").mkdir(exist_ok=True)
    (place / "__pycache__" / "main.pyc").write_bytes(b"x")
    return place


@dataclass(frozen=True)
class WebUI:
    """One that runs: where it listens, and the folder of its person."""

    port: int
    home: Path | None = None
    secret: str = ""  # where a guard stands before it

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type, body; 0 where nobody answers."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", path, headers=self._login())
            answer = connection.getresponse()
            return answer.status, answer.headers.get_content_type(), answer.read()
        except (OSError, http.client.HTTPException):
            return 0, "", b""

    def told(self) -> Any:
        return json.loads(self.get("/told")[2])

    def speak(self, *words: str) -> list[str]:
        """Over its WebSocket."""
        socket = websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/queue", timeout=10, header=self._login()
        )
        try:
            answers = []
            for word in words:
                socket.send(word)
                answers.append(str(socket.recv()))
            return answers
        finally:
            socket.close()

    def _login(self) -> dict[str, str]:
        login = base64.b64encode(f"desk:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {login}"} if self.secret else {}


def keeps_the_contract(webui: WebUI, picture: Callable[[str], bytes]) -> None:
    """Health, pages at its own root, WebSocket, and pictures in the person's own folder.

    `picture` reads a file of the folder Outputs/Stand-in.
    """
    assert webui.get("/healthz")[0] == 200
    assert webui.get("/")[:2] == (200, "text/html")
    for path, kind in (("/assets/page.js", "text/javascript"), ("/assets/page.css", "text/css")):
        assert webui.get(path)[:2] == (200, kind), "it has no prefix: it is at its own root"
    assert webui.get("/nothing")[0] == 404
    heard, painted = webui.speak("hello", "paint")
    assert heard == "heard hello"
    name = painted.removeprefix("painted ")
    assert picture(name).startswith(b"\x89PNG")
