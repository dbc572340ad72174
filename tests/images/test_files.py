"""A desktop's files over HTTP: nothing outside of the home, nothing that runs, nothing lost."""

from __future__ import annotations

import os
import socket

import pytest

from tests.images.files_server import Files

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


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "upload?path=a&size=x&offset=0",
        "upload?path=a&size=1&offset=x",
        "upload?path=%00&size=1&offset=0",
        "upload?path=&size=5&offset=0",
        "upload?path=a&size=5&offset=3",
        "nothing",
        f"upload?path={'a' * 300}&size=9999999&offset=0",
        f"upload?path={'/a' * 4000}&size=9999999&offset=0",
    ],
)
def test_a_refusal_is_heard_by_who_sends_all_first(shared_files: Files, path: str) -> None:
    """A browser listens only then; a connection closed before says nothing."""
    status, _headers, body = shared_files.ask("PUT", f"/api/{path}", b"x" * 9_999_999)
    assert status in (400, 404, 409), body
    assert b"error" in body
    assert shared_files.ask("GET", "/")[0] == 200


def test_a_body_too_large_is_refused_and_heard(files: Files) -> None:
    query = "path=a&size=99999999&offset=0"
    assert files.ask("PUT", f"/api/upload?{query}", b"x" * 70_000_000)[0] == 413
    assert files.ask("POST", "/api/delete", b"[" * 5_000_000)[0] == 413
    assert files.ask("POST", "/api/delete", b"[" * 500_000)[0] == 400
    assert files.ask("DELETE", "/api/file?path=a", b"x" * 5_000_000)[0] == 404
    assert files.ask("PATCH", "/", b"x" * 5_000_000)[0] == 405


def test_what_is_left_of_a_body_is_not_the_next_request(files: Files) -> None:
    inner = b"PUT /api/upload?path=smuggled&size=1&offset=0 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(str(files.socket))
        length = f"Content-Length: {len(inner)}\r\n\r\n".encode()
        one.sendall(b"GET /api/list?path= HTTP/1.1\r\n" + length + inner)
        one.sendall(b"GET /api/list?path=none HTTP/1.1\r\nConnection: close\r\n\r\n")
        got = b""
        while piece := one.recv(65536):
            got += piece
    assert got.count(b"HTTP/1.1 ") == 2 and b"404" in got
    assert not (files.home / "smuggled").exists()


def test_a_body_of_unknown_length_is_refused_and_heard(files: Files) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(str(files.socket))
        one.sendall(b"PUT /api/upload?path=a&size=5&offset=0 HTTP/1.1\r\n")
        one.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _each in range(100):
            one.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        one.sendall(b"0\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.1 411 ")
    assert not (files.home / "a").exists()
