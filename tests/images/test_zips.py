"""A zip holds all that was asked for, or whoever downloads it sees that it does not."""

from __future__ import annotations

import http.client
import io
import os
import socket
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.images.files_server import Files


def zipped(files: Files, *paths: str) -> zipfile.ZipFile:
    form = urlencode([("path", path) for path in paths]).encode()
    status, headers, body = files.ask("POST", "/api/zip", form)
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert headers["transfer-encoding"] == "chunked"
    found = zipfile.ZipFile(io.BytesIO(body))
    assert found.testzip() is None
    return found


class Slow:
    """Somebody who has heard the beginning of a zip of `folder` and then waits."""

    def __init__(self, files: Files, folder: str) -> None:
        self.connection = http.client.HTTPConnection("desk", timeout=20)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(str(files.socket))
        self.connection.request("POST", "/api/zip", urlencode({"path": folder}).encode())
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        self.begun = self.answer.read(1 << 16)

    def breaks(self) -> bytes:
        """The rest, which has no end; and no directory, so that no program takes it for whole."""
        with pytest.raises(http.client.IncompleteRead) as cut:
            self.answer.read()
        got: bytes = self.begun + cut.value.partial
        assert b"PK\x05\x06" not in got
        return got


@pytest.fixture
def big(files: Files) -> Path:
    """A folder in which nothing behind the first file is read before somebody has read that."""
    folder = files.home / "d"
    folder.mkdir()
    (folder / "a").write_bytes(b"a" * (8 << 20))
    (folder / "b").write_bytes(b"b" * 100)
    return folder


def test_several_come_as_one_zip(files: Files) -> None:
    (files.home / "Outputs" / "猫.png").write_bytes(b"cat")
    (files.home / "d" / "deep").mkdir(parents=True)
    (files.home / "d" / "deep" / "x").write_bytes(b"x")
    (files.home / "d" / "empty").mkdir()
    (files.home / "d" / "away").symlink_to("/etc/passwd")
    (files.home / "d" / "out").symlink_to("/etc")
    with zipped(files, "Outputs/猫.png", "d") as found:
        assert sorted(found.namelist()) == ["d/deep/x", "d/empty/", "猫.png"]
        assert found.read("猫.png") == b"cat"


def test_links_within_the_home_are_followed_and_never_in_a_circle(files: Files) -> None:
    models = files.home / "Models"
    models.mkdir()
    (models / "a.safetensors").write_bytes(b"model")
    (files.home / "d").mkdir()
    (files.home / "d" / "models").symlink_to(models)
    (files.home / "d" / "one").symlink_to(models / "a.safetensors")
    (files.home / "d" / "up").symlink_to(files.home / "d")
    (models / "back").symlink_to(files.home / "d")
    with zipped(files, "d") as found:
        assert sorted(found.namelist()) == ["d/models/a.safetensors", "d/one"]


def test_pipes_and_sockets_do_not_hang_it(files: Files) -> None:
    folder = files.home / "d"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket"))
    (folder / "gone").symlink_to("nothing")
    (folder / "z").write_bytes(b"z")
    with zipped(files, "d") as found:
        assert found.namelist() == ["d/z"]


def test_what_may_not_be_read_is_said_before_anything_is_sent(files: Files) -> None:
    folder = files.home / "d"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"a")
    (folder / "deep" / "shut").write_bytes(b"b")
    for shut in (folder / "deep" / "shut", folder / "deep"):
        shut.chmod(0)
        assert files.post("zippable", {"paths": ["d"]}) == (
            403,
            {"error": "denied", "detail": ""},
        )
        form = urlencode({"path": "d"}).encode()
        assert files.ask("POST", "/api/zip", form)[0] == 403
        shut.chmod(0o700)
    assert files.post("zippable", {"paths": ["d"]}) == (200, {})
    assert files.post("zippable", {"paths": ["d", "none"]})[0] == 404
    (files.home / "out").symlink_to("/etc")
    assert files.post("zippable", {"paths": ["out"]})[0] == 404


def test_a_file_that_vanishes_meanwhile_breaks_it(files: Files, big: Path) -> None:
    one = Slow(files, "d")
    (big / "b").unlink()
    one.breaks()


def test_a_file_that_is_shut_meanwhile_breaks_it(files: Files, big: Path) -> None:
    one = Slow(files, "d")
    (big / "b").chmod(0)
    one.breaks()


@pytest.mark.parametrize("how", ["shorter", "longer", "rewritten"])
def test_a_file_that_changes_while_it_is_packed_breaks_it(
    files: Files, big: Path, how: str
) -> None:
    one = Slow(files, "d")
    with (big / "a").open("ab" if how == "longer" else "r+b") as file:
        if how == "shorter":
            file.truncate(4 << 20)
        else:
            file.write(b"b" * 100)
    assert len(one.breaks()) < 9 << 20


def test_an_older_client_gets_it_without_chunks(files: Files) -> None:
    (files.home / "x").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(str(files.socket))
        one.sendall(b"POST /api/zip HTTP/1.0\r\nContent-Length: 6\r\n\r\npath=x")
        got = b""
        while piece := one.recv(65536):
            got += piece
    with zipfile.ZipFile(io.BytesIO(got.partition(b"\r\n\r\n")[2])) as found:
        assert found.namelist() == ["x"]


def test_dates_that_no_calendar_has(files: Files) -> None:
    for name, at_s in (("early", -(10**9)), ("late", 10**10)):
        (files.home / "Outputs" / name).touch()
        os.utime(files.home / "Outputs" / name, (at_s, at_s))
        assert files.file(f"Outputs/{name}")[0] == 200
    with zipped(files, "Outputs") as found:
        assert len(found.namelist()) == 2


@pytest.mark.full
@pytest.mark.timeout(400)
def test_more_than_four_gigabytes(files: Files) -> None:
    """Holes in a file take no room on the disk, but are sent like anything else."""
    folder, size = files.home / "d", (4 << 30) + 5
    folder.mkdir()
    with (folder / "a").open("wb") as file:
        file.truncate(size)
    (folder / "b").write_bytes(b"b")
    one = Slow(files, "d")
    kept = one.begun
    length = len(kept)
    while piece := one.answer.read(1 << 22):
        length += len(piece)
        kept = (kept + piece)[-4096:]
    assert length > size
    assert b"PK\x06\x06" in kept and size.to_bytes(8, "little") in kept, "zip64, in full"


def test_each_name_is_read_by_itself(files: Files) -> None:
    folder = os.fsencode(files.home) + "/图片".encode()
    os.mkdir(folder)
    with open(folder + b"/" + "测试.png".encode("gb18030"), "wb") as file:
        file.write(b"x")
    assert zipped(files, "图片").namelist() == ["图片/测试.png"]


def test_a_folder_that_many_links_lead_to_is_there_once(files: Files) -> None:
    at = files.home / "d"
    for level in range(40):
        (at / str(level)).mkdir(parents=True)
    (at / "39" / "end").write_text("x")
    for level in range(39):
        for name in ("a", "b"):
            (at / str(level) / name).symlink_to(at / str(level + 1))
    assert sum(name.endswith("/end") for name in zipped(files, "d").namelist()) == 1
