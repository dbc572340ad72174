"""A desktop's files over HTTP: nothing outside of the home, nothing that runs, nothing lost."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image, PngImagePlugin

from tests.running import ROOT, eventually

SERVER = ROOT / "images" / "desktop" / "files" / "server.py"


class Files:
    """The real server, on a socket file of its own."""

    def __init__(self, place: Path) -> None:
        self.home, self.socket = place / "home", place / "files.sock"
        (self.home / "Outputs").mkdir(parents=True)
        self.child = subprocess.Popen(
            [sys.executable, SERVER, "--socket", str(self.socket)],
            env=os.environ | {"HOME": str(self.home)},
        )
        eventually(self.socket.exists, what="its socket")

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

    def put(self, path: str, offset: int, size: int, piece: bytes) -> tuple[int, Any]:
        query = urlencode({"path": path, "offset": offset, "size": size})
        status, _headers, body = self.ask("PUT", f"/api/upload?{query}", piece)
        return status, json.loads(body)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path)
    yield files
    files.child.kill()
    files.child.wait()


def a_picture(path: Path, text: str = "") -> None:
    about = PngImagePlugin.PngInfo()
    if text:
        about.add_itxt("parameters", text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=about)


# --- Looking -------------------------------------------------------------------------------------


def test_a_folder_is_listed_folders_first_and_hidden_ones_left_out(files: Files) -> None:
    (files.home / "b.txt").write_text("123")
    (files.home / ".secret").touch()
    (files.home / "名字 <b>.txt").touch()
    status, said = files.get("list", path="")
    assert status == 200
    assert [one["name"] for one in said["entries"]] == ["Outputs", "b.txt", "名字 <b>.txt"]
    assert said["entries"][1]["size_bytes"] == 3
    assert said["free_bytes"] > 0


def test_pictures_come_newest_first_without_previews(files: Files) -> None:
    for number, name in enumerate(["old.png", "new.webp", "thumbnails/p.webp", "note.txt"]):
        path = files.home / "Outputs" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    _status, said = files.get("pictures")
    assert [one["path"] for one in said["pictures"]] == ["Outputs/new.webp", "Outputs/old.png"]
    assert said["total"] == 2


def test_a_picture_says_how_it_was_made(files: Files) -> None:
    a_picture(files.home / "a.png", "一只猫\nSteps: 8")
    a_picture(files.home / "b.png")
    assert files.get("about", path="a.png") == (200, {"text": "一只猫\nSteps: 8"})
    assert files.get("about", path="b.png") == (200, {"text": ""})


@pytest.mark.parametrize(
    ("asked", "range_", "got"),
    [
        ("bytes=0-2", "bytes 0-2/10", b"012"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=5-99", "bytes 5-9/10", b"56789"),
    ],
)
def test_parts_of_a_file(files: Files, asked: str, range_: str, got: bytes) -> None:
    (files.home / "digits").write_bytes(b"0123456789")
    status, headers, body = files.file("digits", Range=asked)
    assert (status, headers["content-range"], body) == (206, range_, got)


def test_what_has_not_changed_is_not_sent_again(files: Files) -> None:
    (files.home / "a").write_bytes(b"a")
    _status, headers, _body = files.file("a")
    assert files.file("a", If_None_Match=headers["etag"])[0] == 304


# --- Walls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["../x", "/../x", "a/../../x", "..", "link/x"])
def test_nothing_outside_of_the_home_is_to_be_had(files: Files, path: str) -> None:
    (files.home.parent / "x").write_text("outside")
    (files.home / "link").symlink_to(files.home.parent)
    status, _headers, body = files.file(path)
    assert status == 404
    assert b"outside" not in body
    assert files.post("delete", {"paths": [path]})[0] == 404
    assert files.put(path, 0, 1, b"x")[0] == 404
    assert (files.home.parent / "x").read_text() == "outside"


def test_a_link_that_leads_out_is_deleted_and_never_followed(files: Files) -> None:
    outside = files.home.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (files.home / "link").symlink_to(outside)
    (files.home / "passwd").symlink_to("/etc/passwd")
    assert files.get("list", path="link")[0] == 404
    assert files.file("passwd")[0] == 404
    assert files.post("delete", {"paths": ["link", "passwd"]}) == (200, {})
    assert (outside / "kept").exists()


def test_a_pipe_does_not_hang_it(files: Files) -> None:
    os.mkfifo(files.home / "pipe")
    assert files.file("pipe")[0] == 404


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.js", "x.xhtml", "x.pdf", "x.unknown"])
def test_what_could_run_is_only_handed_out(files: Files, name: str) -> None:
    (files.home / name).write_text("<script>alert(1)</script>")
    _status, headers, _body = files.file(name)
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_the_page_allows_no_script_but_its_own(files: Files) -> None:
    status, headers, body = files.ask("GET", "/")
    assert status == 200
    assert "script-src 'self'" in headers["content-security-policy"]
    assert b"<script>" not in body
    assert files.ask("GET", "/../server.py")[0] == 404
    assert files.ask("GET", "/%2e%2e/home.py")[0] == 404


# --- Changing ------------------------------------------------------------------------------------


def test_an_upload_comes_in_pieces_and_goes_on_where_it_was_cut(files: Files) -> None:
    assert files.put("Models/a.bin", 0, 10, b"01234") == (200, {"there": 5, "done": False})
    assert not (files.home / "Models" / "a.bin").exists()
    assert files.get("upload", path="Models/a.bin", size="10") == (200, {"there": 5})
    assert files.put("Models/a.bin", 0, 10, b"01234")[0] == 409  # that piece is there already
    assert files.put("Models/a.bin", 5, 10, b"56789") == (200, {"there": 10, "done": True})
    assert (files.home / "Models" / "a.bin").read_bytes() == b"0123456789"
    assert files.put("Models/a.bin", 0, 3, b"new")[1]["done"]
    assert (files.home / "Models" / "a.bin").read_bytes() == b"new"


def test_more_than_was_said_is_refused(files: Files) -> None:
    assert files.put("a", 0, 2, b"123")[0] == 409
    assert list(files.home.glob("*")) == [files.home / "Outputs"]


def test_an_empty_file_can_be_uploaded(files: Files) -> None:
    assert files.put("empty", 0, 0, b"") == (200, {"there": 0, "done": True})
    assert (files.home / "empty").read_bytes() == b""


def test_folders_names_and_deleting(files: Files) -> None:
    assert files.post("folder", {"path": "a"})[0] == 200
    assert files.post("folder", {"path": "a"}) == (409, {"error": "exists", "detail": "a"})
    (files.home / "a" / "x").touch()
    assert files.post("rename", {"path": "a", "name": "b"})[0] == 200
    assert files.post("rename", {"path": "b", "name": "../c"})[0] == 400
    assert files.post("rename", {"path": "b", "name": "Outputs"})[0] == 409
    assert files.post("delete", {"paths": ["b"]})[0] == 200
    assert files.post("delete", {"paths": ["b"]}) == (404, {"error": "missing", "detail": ""})
    assert files.post("delete", {"paths": [""]})[0] == 400
    assert files.post("delete", {"paths": "b"})[0] == 400
    assert files.home.exists()


def test_several_come_as_one_zip(files: Files) -> None:
    (files.home / "Outputs" / "猫.png").write_bytes(b"cat")
    (files.home / "d" / "deep").mkdir(parents=True)
    (files.home / "d" / "deep" / "x").write_bytes(b"x")
    (files.home / "d" / "away").symlink_to("/etc/passwd")
    form = urlencode([("path", "Outputs/猫.png"), ("path", "d")]).encode()
    status, headers, body = files.ask("POST", "/api/zip", form)
    assert (status, headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.testzip() is None
        assert sorted(found.namelist()) == ["d/deep/x", "猫.png"]
        assert found.read("猫.png") == b"cat"
