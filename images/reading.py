"""TOML that people write, read in one way wherever it is read. Standard library only.

Windows' Notepad puts a mark before UTF-8, which is passed over, and writes UTF-16 or the country's
own encoding when asked for others, which is said. What is no file, or far too long to be one that
somebody wrote, is not read: a pipe would never end, a disk image would fill the memory.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from images.folders import SetupError

LARGEST = 1 << 20  # bytes; the longest that we know has 8 KiB
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
AGAIN = "save it again as UTF-8"
# Keys of many dots take tomllib time by the square of them: hours, in a file of that size.
# A key begins a line, a table's name or a pair within braces.
_DEEP = re.compile(r"(?m)(?:^|[\[{,])[ \t]*+(?:[\w\"'-]{1,80}+[ \t]{0,9}+\.[ \t]{0,9}+){32}")


def toml(file: Path) -> dict[str, Any]:
    """What it says. SetupError."""
    words = text(file)
    if _DEEP.search(words):
        raise SetupError(file, "", "not valid TOML: nested too deeply")
    try:
        return tomllib.loads(words)
    except ValueError as error:  # TOMLDecodeError, and a number of too many digits
        raise SetupError(file, "", f"not valid TOML: {error}") from error
    except RecursionError as error:
        raise SetupError(file, "", "not valid TOML: nested too deeply") from error


def text(file: Path) -> str:
    """Its words, in UTF-8 with or without a mark, lines ended as Unix ends them. SetupError."""
    data = _bytes(file)
    if data.startswith(_UTF_16):
        reason = f'it is in UTF-16, which Notepad calls "Unicode": {AGAIN}'
        raise SetupError(file, "", f"not valid TOML: {reason}")
    try:
        words = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        reason = (
            f'line {line} is not in UTF-8, perhaps in GBK, which Notepad calls "ANSI": {AGAIN}'
        )
        raise SetupError(file, "", f"not valid TOML: {reason}") from error
    return words.replace("\r\n", "\n").replace("\r", "\n")


def _bytes(file: Path) -> bytes:
    try:
        # Without O_NONBLOCK a pipe would be waited for.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            kind = os.fstat(opened.fileno()).st_mode
            data = opened.read(LARGEST + 1) if stat.S_ISREG(kind) else None
    except FileNotFoundError:
        link = file.is_symlink()
        reason = "is a link to something that is not there" if link else "there is no such file"
        raise SetupError(file, "", reason) from None
    except OSError as error:
        raise SetupError(file, "", f"cannot be read: {error.strerror}") from error
    if data is None:
        raise SetupError(file, "", "cannot be read: it is no file")
    if len(data) > LARGEST:
        raise SetupError(file, "", f"is larger than {LARGEST} bytes")
    return data
