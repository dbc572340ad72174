"""Files that come in pieces: whole before anybody sees them, and never two spliced into one."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.images.files_server import Files
from tests.running import eventually

BLOCK = 8 << 20
OLD, NEW = os.urandom(200_000), os.urandom(200_000)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chain(data: bytes) -> str:
    """Over each block in turn, as the page computes it."""
    found = b""
    for at in range(0, len(data), BLOCK):
        block = hashlib.sha256(data[at : at + BLOCK]).digest()
        found = hashlib.sha256(found + block).digest()
    return found.hex()


class Sender:
    """Whoever uploads this content there, as the page does it."""

    def __init__(self, files: Files, path: str, content: bytes, *, key: str = "") -> None:
        self.files, self.path, self.content = files, path, content
        self.key = key or sha(content)

    def there(self) -> dict[str, Any]:
        said = {"path": self.path, "size": str(len(self.content)), "key": self.key}
        status, found = self.files.get("upload", **said)
        assert status == 200
        return dict(found)

    def put(self, begin: int, end: int, **more: str) -> tuple[int, Any]:
        piece = self.content[begin:end]
        said = {"key": self.key, "before": chain(self.content[:begin]), "digest": sha(piece)}
        return self.files.put(self.path, begin, len(self.content), piece, **(said | more))


def parts(files: Files, folder: str = "") -> list[Path]:
    return sorted((files.home / folder).glob(".upload-*.part"))


def test_it_goes_on_where_it_was_cut(files: Files) -> None:
    sender = Sender(files, "Models/a.bin", OLD)
    assert sender.put(0, 80_000) == (200, {"there": 80_000, "done": False})
    assert not (files.home / "Models" / "a.bin").exists()
    found = sender.there()
    assert (found["there"], found["digest"]) == (80_000, chain(OLD[:80_000]))
    assert sender.put(0, 80_000) == (409, {"error": "offset", "detail": "80000"})
    assert sender.put(80_000, 200_000) == (200, {"there": 200_000, "done": True})
    assert (files.home / "Models" / "a.bin").read_bytes() == OLD
    assert not parts(files, "Models")


def test_what_is_there_replaces_what_was(files: Files) -> None:
    assert files.put("a", 0, 3, b"old") == (200, {"there": 3, "done": True})
    assert files.put("a", 0, 3, b"new")[1]["done"]
    assert (files.home / "a").read_bytes() == b"new"


def test_another_file_of_that_name_and_length_begins_at_its_beginning(files: Files) -> None:
    Sender(files, "a", OLD).put(0, 80_000)
    newer = Sender(files, "a", NEW)
    found = newer.there()
    assert (found["there"], found["other"]) == (0, True)
    assert newer.put(0, 200_000) == (200, {"there": 200_000, "done": True})
    assert (files.home / "a").read_bytes() == NEW


def test_whatever_it_is_called_no_file_goes_on_behind_another(files: Files) -> None:
    """The key is what a browser says; what counts is what lies on the disk."""
    Sender(files, "a", OLD, key="same").put(0, 80_000)
    newer = Sender(files, "a", NEW, key="same")
    assert newer.there()["digest"] != chain(NEW[:80_000])
    assert newer.put(80_000, 200_000)[1]["error"] == "other"
    assert newer.put(0, 90_000, fresh="1") == (200, {"there": 90_000, "done": False})
    assert newer.put(90_000, 200_000)[1]["done"]
    assert (files.home / "a").read_bytes() == NEW


def test_without_a_key_nothing_is_gone_on_with(files: Files) -> None:
    files.put("a", 0, 200_000, OLD[:80_000])
    assert files.get("upload", path="a", size="200000")[1]["there"] == 0
    assert files.put("a", 80_000, 200_000, NEW[80_000:])[0] == 409
    assert not (files.home / "a").exists()
    assert files.put("a", 0, 200_000, NEW)[1]["done"]
    assert (files.home / "a").read_bytes() == NEW
    assert not parts(files)


def test_a_part_that_a_program_wrote_to_is_not_gone_on_from(files: Files) -> None:
    content = os.urandom(2 * BLOCK + 5)
    sender = Sender(files, "a", content)
    sender.put(0, BLOCK)
    sender.put(BLOCK, BLOCK + 7)
    (part,) = parts(files)
    with part.open("r+b") as file:
        file.write(b"!")
    assert sender.there()["digest"] != chain(content[: BLOCK + 7])
    assert sender.put(BLOCK + 7, len(content))[1]["error"] == "other"


def test_long_ones_are_followed_block_by_block_and_after_a_restart(tmp_path: Path) -> None:
    content = os.urandom(2 * BLOCK + 9)
    files = Files(tmp_path)
    try:
        sender = Sender(files, "a", content)
        assert sender.put(0, BLOCK)[0] == 200
        assert sender.put(BLOCK, BLOCK + 100)[0] == 200
        files.end()
        files.begin()
        assert sender.there()["digest"] == chain(content[: BLOCK + 100])
        assert sender.put(BLOCK + 100, 2 * BLOCK)[0] == 200
        assert sender.put(2 * BLOCK, len(content))[1]["done"]
    finally:
        files.end()
    assert (files.home / "a").read_bytes() == content


def test_a_piece_that_is_not_what_was_said_is_not_kept(files: Files) -> None:
    sender = Sender(files, "a", OLD)
    sender.put(0, 100)
    assert sender.put(100, 200, digest=sha(b"else"))[1]["error"] == "digest"
    assert sender.there()["there"] == 100
    assert sender.put(100, 200_000)[1]["done"]
    assert (files.home / "a").read_bytes() == OLD


def test_who_did_not_hear_that_it_is_done_hears_it_again(files: Files) -> None:
    sender = Sender(files, "a", OLD)
    sender.put(0, 200_000)
    found = sender.there()
    assert (found["done"], found["digest"]) == (True, chain(OLD))
    (files.home / "a").write_bytes(NEW)
    assert not sender.there()["done"], "a program made another of it"


def test_two_at_once_of_one_name_are_two_files_and_the_later_stays(files: Files) -> None:
    one, other = Sender(files, "a", OLD), Sender(files, "a", NEW)
    for begin in range(0, 200_000, 50_000):
        for sender in (one, other):
            assert sender.put(begin, begin + 50_000)[0] == 200
            if (files.home / "a").exists():
                assert (files.home / "a").read_bytes() == sender.content
    assert (files.home / "a").read_bytes() == NEW


def test_two_at_once_of_one_file_share_what_is_there(files: Files) -> None:
    """The same file in two tabs: a piece comes in once, and the other one is told so."""
    one, other = Sender(files, "a", OLD), Sender(files, "a", OLD)
    answers: list[int] = []

    def send(sender: Sender) -> None:
        answers.append(sender.put(0, 100_000)[0])

    both = [threading.Thread(target=send, args=(sender,)) for sender in (one, other)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(answers) == [200, 409]
    assert one.put(100_000, 200_000)[1]["done"]
    assert other.there()["done"]
    assert (files.home / "a").read_bytes() == OLD


def begun(files: Files, sender: Sender, length: int) -> http.client.HTTPConnection:
    """All of it is to come as one piece; only its beginning has."""
    said = {"path": sender.path, "size": len(sender.content), "offset": 0, "key": sender.key}
    query = urlencode(said | {"digest": sha(sender.content)})
    connection = http.client.HTTPConnection("desk", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(files.socket))
    connection.putrequest("PUT", f"/api/upload?{query}")
    connection.putheader("Content-Length", str(len(sender.content)))
    connection.endheaders(sender.content[:length])
    return connection


def test_a_piece_cut_on_its_way_is_gone_on_from(files: Files) -> None:
    sender = Sender(files, "a", OLD)
    begun(files, sender, 80_000).close()
    eventually(lambda: sender.there()["there"] == 80_000, what="its beginning")
    assert sender.put(80_000, 200_000)[1]["done"]
    assert (files.home / "a").read_bytes() == OLD


def test_nothing_comes_between_the_halves_of_a_piece(files: Files) -> None:
    sender = Sender(files, "a", OLD)
    slow = begun(files, sender, 80_000)
    eventually(lambda: parts(files), what="its part")
    assert sender.put(0, 200_000) == (409, {"error": "busy", "detail": ""})
    slow.send(OLD[80_000:])
    assert slow.getresponse().status == 200
    slow.close()
    assert (files.home / "a").read_bytes() == OLD


def test_what_began_anew_is_not_compared_with_what_was(files: Files) -> None:
    contents = [os.urandom(2 * BLOCK + 1) for _each in range(2)]
    old, new = (Sender(files, "a", content, key="same") for content in contents)
    old.put(0, BLOCK)
    old.put(BLOCK, 2 * BLOCK)
    assert new.put(0, BLOCK, fresh="1")[0] == 200
    assert new.put(BLOCK, 2 * BLOCK)[0] == 200
    assert new.put(2 * BLOCK, 2 * BLOCK + 1)[1]["done"]
    assert (files.home / "a").read_bytes() == contents[1]


def test_parts_that_nobody_goes_on_with_are_cleared(files: Files) -> None:
    for name, content in (("a", OLD), ("b", OLD)):
        Sender(files, name, content).put(0, 100)
    before = parts(files)
    for path in before:
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    Sender(files, "a", NEW).put(0, 100)
    assert len(parts(files)) == 2, "the older one of this name is gone, the other name's is not"
    assert Sender(files, "b", OLD).there()["there"] == 100
    (old,) = [path for path in parts(files) if path in before]
    os.utime(old, (old.stat().st_mtime - 8 * 86400,) * 2)
    Sender(files, "c", NEW).put(0, 100)
    assert old not in parts(files)


def test_more_than_was_said_is_refused(files: Files) -> None:
    assert files.put("a", 0, 2, b"123")[0] == 409
    assert files.put("a", 0, 2, b"123", key="x", digest=sha(b"123"))[0] == 409
    assert files.put("a", -1, 2, b"12", key="x", digest=sha(b"12"))[0] == 409
    assert list(files.home.glob("*")) == [files.home / "Outputs"]
    assert not parts(files)


def test_an_empty_file_can_be_uploaded(files: Files) -> None:
    assert files.put("empty", 0, 0, b"") == (200, {"there": 0, "done": True})
    assert Sender(files, "void", b"").put(0, 0) == (200, {"there": 0, "done": True})
    assert (files.home / "empty").read_bytes() == (files.home / "void").read_bytes() == b""


@pytest.mark.parametrize("key", ["../x", "a b", "x" * 129])
def test_a_key_is_a_word(files: Files, key: str) -> None:
    assert Sender(files, "a", OLD, key=key).put(0, 100)[0] == 400


def test_nothing_is_written_through_a_link(files: Files) -> None:
    outside = files.home.parent / "outside"
    outside.write_bytes(b"kept")
    sender = Sender(files, "a", OLD)
    sender.put(0, 100)
    (part,) = parts(files)
    part.unlink()
    part.symlink_to(outside)
    assert sender.put(0, 100)[0] in (404, 409)
    part.unlink()
    os.mkfifo(part)
    assert sender.put(0, 100)[0] == 409, "and a pipe does not hang it"
    assert outside.read_bytes() == b"kept"


def test_a_part_that_somebody_is_at_is_not_cleared(files: Files) -> None:
    """However long ago its last piece came: whoever holds it may be about to end it."""
    first = Sender(files, "a.bin", OLD)
    assert first.put(0, 1000)[0] == 200
    (part,) = parts(files)
    os.utime(part, (1, 1))
    with part.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert Sender(files, "a.bin", NEW).put(0, 1000)[0] == 200
        assert part.exists()
    assert Sender(files, "a.bin", NEW).put(1000, 2000)[0] == 200
