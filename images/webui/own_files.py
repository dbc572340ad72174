"""A person's own files that their WebUI reads at every start: none of them keeps it from starting.

What it could not read is put aside under a name beside its own, so nothing is lost. What is only
written otherwise (Excel's GBK, Notepad's UTF-16) is there for it in UTF-8, the original aside.
Whatever was done is printed, and noted for the page that the desktop begins with.
"""

from __future__ import annotations

import csv
import filecmp
import io
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HOME = Path(os.environ["HOME"])
NOTES = os.environ.get("DESK_NOTES", "")  # where the session reads what to show
LARGEST = 32 << 20  # bytes; of what somebody wrote
SQLITE = b"SQLite format 3\0"  # so a database begins: https://sqlite.org/fileformat.html
LONGEST_FIELD = 131_072  # characters: more of them Python's csv refuses, and with it the WebUI
# ruff: noqa: E501 - a sentence is a line, so both languages stand side by side
SAID = {
    "converted": (
        "{file} was in {what}, which the WebUI does not read. It is in UTF-8 now and in use; the original is kept beside it: {aside}",
        "「{file}」原来是 {what} 编码，WebUI 读不了。已转成 UTF-8，可以照常使用；原文件留在旁边：{aside}",
    ),
    "cleaned": (
        "{file} held characters that the WebUI does not read. It is in use without them; the original is kept beside it: {aside}",
        "「{file}」里有 WebUI 读不了的字符，已去掉，可以照常使用；原文件留在旁边：{aside}",
    ),
    "shortened": (
        "{file} held {what} entries that are too long for the WebUI. It is in use without them; the original is kept beside it: {aside}",
        "「{file}」里有 {what} 条太长，WebUI 读不了。其余的可以照常使用；原文件留在旁边：{aside}",
    ),
    "damaged": (
        "{file} is damaged, and the WebUI cannot read it. It begins without; the file is kept beside: {aside}",
        "「{file}」已损坏，WebUI 读不了，这次不用它启动；原文件留在旁边：{aside}",
    ),
    "large": (
        "{file} is too large for what it should be. The WebUI begins without; the file is kept beside: {aside}",
        "「{file}」太大，不像该有的内容。WebUI 这次不用它启动；原文件留在旁边：{aside}",
    ),
    "kind": (
        "{file} should be something else ({what}), and was in the way. It is kept beside: {aside}",
        "「{file}」的位置上应该是{what_zh}，它挡住了 WebUI 启动。原来的留在旁边：{aside}",
    ),
    "opened": (
        "{file} could not be read for want of permission. It can be read again.",
        "「{file}」没有读取权限，已恢复。",
    ),
    "stays": (
        "{file} could not be put aside: {what}. The WebUI may not start with it.",
        "「{file}」没能移开：{what}。WebUI 可能因此启动不了。",
    ),
}


class Unusable(Exception):
    """Nothing in it can be used; says why, by a key of SAID."""


Mended = tuple[str, str, bytes]  # why, by a key of SAID; more of it; what to use instead


def check(file: Path, kind: str) -> None:
    """Afterwards it is of its kind (a key of KINDS), or not there. Never fails."""
    try:
        make_folder(file.parent)
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(_kind(file)):
                put_aside(file, "kind", "a file", "文件")
                return
            try:
                mended = KINDS[kind](_read(file, kind))
            except (Unusable, ValueError, RecursionError, csv.Error) as error:
                put_aside(file, str(error) if isinstance(error, Unusable) else "damaged")
                return
            if mended is not None:
                why, more, data = mended
                draft = file.with_name(file.name + ".new")
                draft.write_bytes(data)  # before anything is moved: the disk may be full
                if put_aside(file, why, more):
                    draft.rename(file)
    except OSError as error:
        tell("stays", file, what=error.strerror or str(error))


def make_folder(place: Path) -> None:
    """It is a folder to write to afterwards, whatever lay there or on the way to it. OSError."""
    if place != HOME and place.is_relative_to(HOME):
        make_folder(place.parent)
        if os.path.lexists(place) and not place.is_dir():
            put_aside(place, "kind", "a folder", "文件夹")
    place.mkdir(parents=True, exist_ok=True)
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        with suppress(OSError):
            place.chmod(place.stat().st_mode | 0o700)
            tell("opened", place)


def put_aside(file: Path, why: str, what: str = "", what_zh: str = "") -> bool:
    """Under the next free name of its kind, beside it; whether it could be."""
    number = 1
    while os.path.lexists(file.with_name(f"{file.name}.put-aside-{number}")):
        number += 1
    last = file.with_name(f"{file.name}.put-aside-{number - 1}")
    with suppress(OSError):  # the same again, as after every start of a WebUI that writes it
        if stat.S_ISREG(file.lstat().st_mode) and filecmp.cmp(file, last, shallow=False):
            number -= 1
    aside = file.with_name(f"{file.name}.put-aside-{number}")
    try:
        file.rename(aside)
    except OSError as error:
        tell("stays", file, what=error.strerror or str(error))
        return False
    tell(why, file, what=what, what_zh=what_zh or what, aside=aside.name)
    return True


def tell(why: str, file: Path, **more: str) -> None:
    """Into the log in both languages, and as a note for the session."""
    shown = f"~/{file.relative_to(HOME)}" if file.is_relative_to(HOME) else str(file)
    said = [words.format(file=shown, **more) for words in SAID[why]]
    print(*said, sep="\n", flush=True)  # noqa: T201
    if NOTES:
        with suppress(OSError), Path(NOTES).open("a", encoding="utf-8") as notes:
            notes.write(json.dumps({"en": said[0], "zh": said[1]}) + "\n")


def _kind(file: Path) -> int:
    """Of what it leads to; of a link that leads nowhere, its own. FileNotFoundError."""
    try:
        return file.stat().st_mode
    except OSError:
        return file.lstat().st_mode


def _read(file: Path, kind: str) -> bytes:
    flags = os.O_RDONLY | os.O_NONBLOCK  # it may have become a pipe
    try:
        handle = os.open(file, flags)
    except PermissionError:
        file.chmod(0o600)  # it is their own
        handle = os.open(file, flags)
        tell("opened", file)
    with os.fdopen(handle, "rb") as opened:
        if kind == "sqlite":
            return opened.read(len(SQLITE))
        data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unusable("large")
    return data


# --- What each kind is --------------------------------------------------------------------------


def _decoded(data: bytes) -> tuple[str, str]:
    """Its words, and what they are written in: nothing for UTF-8. Unusable for what are none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        words = data.decode("gb18030")
        # Of bytes that are no text at all it makes characters as well.
        if any(letter < " " and letter not in "\t\r\n" for letter in words):
            raise Unusable("damaged") from None
        return words, "GBK"


def _csv(data: bytes) -> Mended | None:
    """A table; what the A1111 family keeps its styles in."""
    words, encoding = _decoded(data)
    clean = words.replace("\0", "")
    csv.field_size_limit(LARGEST)
    rows = list(csv.reader(io.StringIO(clean, newline="")))
    kept = [row for row in rows if all(len(field) <= LONGEST_FIELD for field in row)]
    if len(kept) == len(rows) and clean == words and not encoding:
        return None
    text = io.StringIO()
    csv.writer(text).writerows(kept)
    usable = text.getvalue().encode("utf-8-sig")
    if len(kept) < len(rows):
        return "shortened", str(len(rows) - len(kept)), usable
    return ("cleaned", "", usable) if clean != words else ("converted", encoding, usable)


def _json(data: bytes) -> Mended | None:
    """An object of settings."""
    words, encoding = _decoded(data)
    said = json.loads(words)
    if not isinstance(said, dict):
        raise Unusable("damaged")
    if data.startswith(b"\xef\xbb\xbf"):  # who reads JSON takes no mark before it
        encoding = "UTF-8-BOM"
    if not encoding:
        return None
    return "converted", encoding, json.dumps(said, indent=4).encode()


def _yaml(data: bytes) -> Mended | None:
    """Settings, one a line; with comments, so what is converted stays as it is written."""
    words, encoding = _decoded(data)
    with suppress(ImportError):
        import yaml  # whoever reads such a file brings it

        try:
            said = yaml.safe_load(words)
        except yaml.YAMLError:
            raise Unusable("damaged") from None
        if said is not None and not isinstance(said, dict):
            raise Unusable("damaged")
    return ("converted", encoding, words.encode()) if encoding else None


def _sqlite(head: bytes) -> Mended | None:
    """A database, by how it begins; an empty file is one as well."""
    if head and head != SQLITE:
        raise Unusable("damaged")
    return None


KINDS: dict[str, Callable[[bytes], Mended | None]] = {
    "csv": _csv,
    "json": _json,
    "yaml": _yaml,
    "sqlite": _sqlite,
}
