"""Names are bytes: whatever is listed can be opened, renamed, packed and deleted."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlencode

import pytest

from tests.images.files_server import Files

GBK = "说明.txt".encode("gbk")
ODD = [
    GBK,
    b"caf\xe9.txt",
    b"\xff\xfe",
    b"half\xe4\xb8.png",
    b"\xed\xa0\x80",  # what UTF-8 has no room for
    "\uef80\uefff own.txt".encode(),  # the signs that stand for odd bytes, as a name of its own
    b"two\nlines.txt",
    b"back\\slash.txt",
    b"-rf",
    b"100%.txt",
    b"%CB%B5.txt",
    b"a#b?c&d=e+f;g.txt",
    b"'\"`$(x)<b>.txt",
    b"bell\x07\x1b[31m\x7f.txt",
    b" spaces ",
    b"trailing. ",
    "\u202egpj.exe".encode(),
    "e\u0301.txt".encode(),
    "\u00e9.txt".encode(),
    "水".encode() * 80 + b".png",
    b"x" * 255,
    b".hidden",
    b"...",
    b"~",
]


def put(files: Files, name: bytes, content: bytes = b"x") -> bytes:
    path = os.fsencode(files.home / "Outputs") + b"/" + name
    Path(os.fsdecode(path)).write_bytes(content)
    return path


def listed(files: Files, path: str = "Outputs") -> list[str]:
    status, said = files.get("list", path=path, hidden="1")
    assert status == 200
    return [one["name"] for one in said["entries"]]


@pytest.fixture
def odd(files: Files) -> Files:
    for name in ODD:
        put(files, name, name)
    return files


def test_everything_listed_can_be_opened_renamed_and_deleted(odd: Files) -> None:
    found = listed(odd)
    assert len(set(found)) == len(ODD)
    assert "说明.txt" not in found, "a name is not what it might mean"
    for name in found:
        name.encode()  # plain text, which any address, form or program can carry
        status, headers, content = odd.file(f"Outputs/{name}")
        assert status == 200 and content in ODD
        unquote(headers["content-disposition"].partition("''")[2], errors="strict")
    for number, name in enumerate(found):
        said = {"path": f"Outputs/{name}", "name": f"{number} {name}"[:60]}
        assert odd.post("rename", said) == (200, {}), name
    for name in listed(odd):
        assert odd.post("delete", {"paths": [f"Outputs/{name}"]}) == (200, {}), name
    assert listed(odd) == []


def test_a_name_goes_there_and_back(odd: Files) -> None:
    contents = {odd.file(f"Outputs/{name}")[2]: name for name in listed(odd)}
    assert set(contents) == set(ODD), "each leads to its own file"
    for raw, name in contents.items():
        new = put(odd, b"new")
        assert odd.post("delete", {"paths": [f"Outputs/{name}"]})[0] == 200
        assert odd.post("rename", {"path": "Outputs/new", "name": name}) == (200, {})
        assert not Path(os.fsdecode(new)).exists()
        assert raw in os.listdir(os.fsencode(odd.home / "Outputs")), "byte by byte"


def test_files_are_made_under_any_name(files: Files) -> None:
    for number, name in enumerate(ODD):
        put(files, name)
        said = listed(files)[0]
        assert files.post("delete", {"paths": [f"Outputs/{said}"]})[0] == 200
        if number % 2:
            assert files.put(f"Outputs/{said}", 0, 4, b"mine") == (200, {"there": 4, "done": True})
        else:
            assert files.post("folder", {"path": f"Outputs/{said}"}) == (200, {})
        assert os.listdir(os.fsencode(files.home / "Outputs")) == [name]
        files.post("delete", {"paths": [f"Outputs/{said}"]})


def test_raw_bytes_in_an_address_lead_there_too(files: Files) -> None:
    put(files, GBK)
    assert files.ask("GET", "/api/file?path=Outputs/%CB%B5%C3%F7.txt")[0] == 200


def test_folders_of_such_names_are_walked_and_packed(files: Files) -> None:
    outputs = os.fsencode(files.home / "Outputs")
    for at in (GBK, b"\xff", "水".encode() * 80):
        os.makedirs(outputs + b"/" + at + b"/deep")
        for name in (GBK, b"b.png", b"\xff\xff"):
            put(files, at + b"/deep/" + name, at + name)
    for name in listed(files):
        assert len(listed(files, f"Outputs/{name}/deep")) == 3
    form = urlencode({"path": "Outputs"}).encode()
    status, _headers, body = files.ask("POST", "/api/zip", form)
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.testzip() is None
        assert len(set(found.namelist())) == 9
        assert found.read("Outputs/说明.txt/deep/说明.txt") == GBK + GBK
        assert found.read("Outputs/%FF/deep/%FF%FF") == b"\xff\xff\xff"
    _status, said = files.get("pictures")
    assert len(said["pictures"]) == 3
    assert all(files.file(one["path"])[0] == 200 for one in said["pictures"])


def test_names_that_mean_the_same_are_two_files_in_a_zip(files: Files) -> None:
    put(files, GBK, b"old")
    put(files, "说明.txt".encode(), b"new")
    (files.home / "Outputs" / "again").mkdir()
    put(files, b"again/b.png", b"1")
    put(files, b"b.png", b"2")
    form = urlencode(
        [("path", "Outputs"), ("path", "Outputs/b.png"), ("path", "Outputs/again/b.png")]
    )
    body = files.ask("POST", "/api/zip", form.encode())[2]
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert sorted(found.namelist()) == [
            *("Outputs/again/b.png", "Outputs/b.png"),
            *("Outputs/说明 (2).txt", "Outputs/说明.txt", "b (2).png", "b.png"),
        ]
        assert {found.read(name) for name in ("b.png", "b (2).png")} == {b"1", b"2"}


@pytest.mark.parametrize("bytes_", [244, 255])
def test_a_long_name_has_room_for_all_of_it(files: Files, bytes_: int) -> None:
    name = "水" * (bytes_ // 3) + "x" * (bytes_ % 3)
    assert files.put(f"Outputs/{name}", 0, 3, b"abc") == (200, {"there": 3, "done": True})
    assert (files.home / "Outputs" / name).read_bytes() == b"abc"


@pytest.mark.parametrize("name", ["x" * 256, "水" * 86])
def test_a_name_too_long_for_the_disk_is_refused_at_once(shared_files: Files, name: str) -> None:
    for status, said in (
        shared_files.put(f"Outputs/{name}", 0, 900_000, b"x" * 10, key="k", digest="0"),
        shared_files.get("upload", path=f"Outputs/{name}", size="9"),
        shared_files.post("folder", {"path": f"Outputs/{name}"}),
        shared_files.post("rename", {"path": "Outputs", "name": name}),
    ):
        assert (status, said["error"]) == (400, "name")


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "a\0b", "\ud800", "a/\uef80"])
def test_what_no_file_can_be_called_is_refused(shared_files: Files, name: str) -> None:
    body = json.dumps({"path": "Outputs", "name": name}).encode()
    status, _headers, answer = shared_files.ask("POST", "/api/rename", body)
    assert (status, json.loads(answer)["error"]) == (400, "name")
    assert (shared_files.home / "Outputs").exists()


def test_signs_for_bytes_lead_nowhere_else(files: Files) -> None:
    """No slash, no dot and no end of a name can be said with them."""
    for sign in map(chr, range(0xEF00, 0xF000)):
        for path in (f"{sign}{sign}/x", f"a{sign}..{sign}x", sign):
            assert files.file(path)[0] == 404


def test_what_is_no_file_is_listed_and_can_be_deleted(files: Files) -> None:
    outputs = files.home / "Outputs"
    (outputs / "nowhere.png").symlink_to("gone")
    (outputs / "circle").symlink_to("circle")
    os.mkfifo(outputs / "pipe.png")
    _status, said = files.get("list", path="Outputs")
    assert {one["name"]: one["kind"] for one in said["entries"]} == dict.fromkeys(
        ("nowhere.png", "circle", "pipe.png"), "other"
    )
    assert files.get("pictures")[1]["pictures"] == []
    for name in ("nowhere.png", "circle", "pipe.png", "circle/x"):
        assert files.file(f"Outputs/{name}")[0] == 404
    paths = [f"Outputs/{name}" for name in ("nowhere.png", "circle", "pipe.png")]
    assert files.post("delete", {"paths": paths}) == (200, {})
    assert list(outputs.iterdir()) == []
