"""Parts of files and conditions, by RFC 9110: a download that goes on never joins two files."""

from __future__ import annotations

import http.client
import os
import socket
import time
from email.utils import formatdate
from typing import Any

import pytest

from tests.images.files_server import Files
from tests.running import eventually

DIGITS = b"0123456789"
PAST = time.time() - 3600


@pytest.fixture
def digits(shared_files: Files) -> Files:
    (shared_files.home / "digits").write_bytes(DIGITS)
    return shared_files


@pytest.mark.parametrize(
    ("asked", "range_", "got"),
    [
        ("bytes=0-2", "bytes 0-2/10", b"012"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=5-99", "bytes 5-9/10", b"56789"),
        ("bytes=-99", "bytes 0-9/10", DIGITS),
        ("bytes=0-", "bytes 0-9/10", DIGITS),
        ("Bytes=9-9", "bytes 9-9/10", b"9"),
    ],
)
def test_parts_of_a_file(digits: Files, asked: str, range_: str, got: bytes) -> None:
    status, headers, body = digits.file("digits", Range=asked)
    assert (status, headers["content-range"], body) == (206, range_, got)


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=10-5", "bytes=3-2", "bytes=abc", "bytes=", "bytes=-", "bytes", "bytes=--5"),
        *("bytes=0-1,3-4", "bytes=1-x", "bytes=\xb2-", "lines=0-1", "bytes=0-1-2", "=0-1", "5"),
        "bytes=" + "9" * 4000 + "-",
    ],
)
def test_what_is_no_range_is_all_of_it(digits: Files, asked: str) -> None:
    status, headers, body = digits.file("digits", Range=asked)
    assert (status, body) == (200, DIGITS)
    assert "content-range" not in headers


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=999999999999-"])
def test_a_part_behind_the_end_is_416(digits: Files, asked: str) -> None:
    status, headers, _body = digits.file("digits", Range=asked)
    assert (status, headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-5", "bytes=-5", "bytes=-0"])
def test_of_an_empty_file_there_is_only_all_of_it(digits: Files, asked: str) -> None:
    (digits.home / "empty").touch()
    status, headers, body = digits.file("empty", Range=asked)
    assert (status, headers["content-length"], body) == (200, "0", b"")


def test_of_a_head_a_range_means_nothing(digits: Files) -> None:
    status, headers, body = digits.ask("HEAD", "/api/file?path=digits", Range="bytes=2-3")
    assert (status, headers["content-length"], body) == (200, "10", b"")
    assert "content-range" not in headers


def test_a_download_goes_on_only_with_the_file_it_began_with(files: Files) -> None:
    path = files.home / "clip.mp4"
    path.write_bytes(b"old " * 1000)
    _status, headers, _body = files.file("clip.mp4", Range="bytes=0-99")
    tag = headers["etag"]
    status, _headers, body = files.file("clip.mp4", Range="bytes=100-", If_Range=tag)
    assert (status, len(body)) == (206, 3900)
    about = path.stat()
    (files.home / "other").write_bytes(b"new " * 1000)
    (files.home / "other").replace(path)
    os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))  # even so
    status, headers, body = files.file("clip.mp4", Range="bytes=100-", If_Range=tag)
    assert (status, body) == (200, b"new " * 1000)
    assert headers["etag"] != tag


def test_a_weak_tag_or_one_of_several_does_not_go_on(digits: Files) -> None:
    tag = digits.file("digits")[1]["etag"]
    for condition in (f"W/{tag}", f'"x", {tag}', "*", tag.strip('"'), "", "nonsense"):
        status, _headers, body = digits.file("digits", Range="bytes=5-", If_Range=condition)
        assert (status, body) == (200, DIGITS), condition


def settled(files: Files) -> str:
    """The date of a file that is old enough for one; `formatdate` as the server writes it."""
    os.utime(files.home / "digits", (PAST, PAST))
    found: dict[str, Any] = {}

    def dated() -> bool:
        found.update(files.file("digits")[1])
        return "last-modified" in found

    eventually(dated, what="a date that proves something")
    assert found["last-modified"] == formatdate(PAST, usegmt=True)
    return str(found["last-modified"])


def test_a_date_goes_on_where_it_is_that_of_the_file(digits: Files) -> None:
    assert "last-modified" not in digits.file("digits")[1], "within this second it may change"
    date = settled(digits)
    assert digits.file("digits", Range="bytes=5-", If_Range=date)[0] == 206
    for other in (formatdate(PAST - 1, usegmt=True), formatdate(time.time(), usegmt=True)):
        status, _headers, body = digits.file("digits", Range="bytes=5-", If_Range=other)
        assert (status, body) == (200, DIGITS)


def test_what_has_not_changed_is_not_sent_again(digits: Files) -> None:
    tag = digits.file("digits")[1]["etag"]
    for condition in (tag, f"W/{tag}", f'"x", W/{tag}', "*"):
        status, headers, body = digits.file("digits", If_None_Match=condition)
        assert (status, headers["etag"], body) == (304, tag, b""), condition
    assert digits.file("digits", If_None_Match='"x"')[0] == 200
    date = settled(digits)
    later, earlier = formatdate(PAST + 60, usegmt=True), formatdate(PAST - 60, usegmt=True)
    assert digits.file("digits", If_Modified_Since=date)[0] == 304
    assert digits.file("digits", If_Modified_Since=later)[0] == 304
    assert digits.file("digits", If_Modified_Since=earlier)[0] == 200
    assert digits.file("digits", If_Modified_Since="yesterday")[0] == 200
    assert digits.file("digits", If_Modified_Since=date, If_None_Match='"x"')[0] == 200


def test_who_wants_one_state_gets_no_other(digits: Files) -> None:
    tag = digits.file("digits")[1]["etag"]
    assert digits.file("digits", If_Match=tag)[0] == 200
    assert digits.file("digits", If_Match="*")[0] == 200
    assert digits.file("digits", If_Match=f"W/{tag}")[0] == 412
    assert digits.file("digits", If_Match='"x"', Range="bytes=0-1")[0] == 412
    date = settled(digits)
    earlier = formatdate(PAST - 60, usegmt=True)
    assert digits.file("digits", If_Unmodified_Since=date)[0] == 200
    assert digits.file("digits", If_Unmodified_Since=earlier)[0] == 412


@pytest.mark.parametrize("how", ["rewritten", "shorter", "longer"])
def test_a_file_that_is_written_to_while_it_is_sent_does_not_arrive(
    files: Files, how: str
) -> None:
    path, size = files.home / "big", 8 << 20
    path.write_bytes(b"a" * size)
    connection = http.client.HTTPConnection("desk", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(files.socket))
    connection.request("GET", "/api/file?path=big")
    answer = connection.getresponse()
    answer.read(1 << 16)
    with path.open("r+b" if how != "longer" else "ab") as file:
        if how == "shorter":
            file.truncate(size // 2)
        else:
            file.write(b"b" * (1 << 20))
    with pytest.raises(http.client.IncompleteRead):
        answer.read()


def test_a_file_that_is_replaced_while_it_is_sent_arrives_as_it_was(files: Files) -> None:
    path, size = files.home / "big", 8 << 20
    path.write_bytes(b"a" * size)
    connection = http.client.HTTPConnection("desk", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(files.socket))
    connection.request("GET", "/api/file?path=big")
    answer = connection.getresponse()
    got = answer.read(1 << 16)
    (files.home / "new").write_bytes(b"b" * size)
    (files.home / "new").replace(path)
    assert got + answer.read() == b"a" * size
