"""What a picture says of how it was made: the texts that WebUIs write into it.

PNG keeps texts in chunks of their own, before the pixels or behind them; JPEG and WebP in EXIF.
Whatever a file claims, a bounded amount of it is read. Standard library only.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from typing import IO

import home

# The first that a picture has is shown. What other programs write is the same under other names.
KEYS = ("parameters", "invokeai_metadata", "sd-metadata", "prompt", "workflow")
TEXT_MOST_BYTES = 1 << 20
TEXTS_MOST, CHUNKS_MOST = 32, 1 << 17
EXIF_MOST_BYTES, TAGS_MOST = 4 << 20, 512
_IFD, _COMMENT = 0x8769, 0x9286
_DESCRIPTIONS = (0x010E, 0x010F, 0x0110)  # where ComfyUI writes "prompt:{…}" and "workflow:{…}"


def of(text: str) -> str:
    """Of the picture that `text` names; empty where it says nothing. Refused, OSError."""
    with home.opened(home.inside(text)) as file:
        return best(file)


def best(file: IO[bytes]) -> str:
    """Pure but for reading `file`."""
    head = file.read(12)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        file.seek(8)
        found = _png(file)
    elif head.startswith(b"\xff\xd8"):
        file.seek(2)
        found = _jpeg(file)
    elif head[:4] == b"RIFF" and head[8:] == b"WEBP":
        found = _webp(file)
    elif head[:4] == b"GIF8":
        found = _gif(file)
    else:
        return ""
    texts: dict[str, str] = {}
    for number, (key, said) in enumerate(found):
        if key in KEYS and said.strip():
            texts.setdefault(key, said)
        if number >= TEXTS_MOST or KEYS[0] in texts:
            break
    return next((texts[key] for key in KEYS if key in texts), "")


def _png(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """https://www.w3.org/TR/png-3/#11textinfo"""
    for _number in range(CHUNKS_MOST):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", head)
        after = file.tell() + length + 4
        if kind in (b"tEXt", b"iTXt", b"zTXt") and length <= TEXT_MOST_BYTES:
            yield _text(kind, file.read(length))
        elif kind == b"eXIf" and length <= EXIF_MOST_BYTES:
            yield from _exif(file.read(length))
        file.seek(after)


def _text(kind: bytes, data: bytes) -> tuple[str, str]:
    key, _, rest = data.partition(b"\0")
    name = key.decode("latin-1")
    if name not in KEYS:
        return name, ""
    if kind == b"tEXt":
        return name, _latin_or_utf8(rest)
    packed = kind == b"zTXt" or rest[:1] == b"\1"
    rest = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest[1:]
    try:
        raw = zlib.decompressobj().decompress(rest, TEXT_MOST_BYTES) if packed else rest
    except zlib.error:
        return name, ""
    return name, _latin_or_utf8(raw) if kind == b"zTXt" else raw.decode("utf-8", "replace")


def _latin_or_utf8(raw: bytes) -> str:
    """Latin-1 says the standard, UTF-8 is what many write."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _jpeg(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    for _number in range(CHUNKS_MOST):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            return  # the end, or the pixels
        if head[1] == 0xFF:  # padding
            file.seek(-3, os.SEEK_CUR)
            continue
        length = struct.unpack(">H", head[2:])[0] - 2
        if length < 0:
            return
        after = file.tell() + length
        if head[1] == 0xE1:
            yield from _exif(file.read(length))
        elif head[1] == 0xFE:
            yield "parameters", _settings_alone(_latin_or_utf8(file.read(length)))
        file.seek(after)


def _webp(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    for _number in range(CHUNKS_MOST):
        head = file.read(8)
        if len(head) < 8:
            return
        kind, length = struct.unpack("<4sI", head)
        after = file.tell() + length + length % 2
        if kind == b"EXIF" and length <= EXIF_MOST_BYTES:
            yield from _exif(file.read(length))
        file.seek(after)


def _gif(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """The comment, which stands before the first picture or behind the last."""
    file.seek(10)
    flags = (file.read(3) or b"\0")[0]
    file.seek(13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
    for _number in range(CHUNKS_MOST):
        mark = file.read(1)
        if mark == b"!":
            kind, said = file.read(1), bytearray()
            for piece in _blocks(file):
                if kind == b"\xfe" and len(said) < TEXT_MOST_BYTES:
                    said += piece
            if kind == b"\xfe":
                yield "parameters", _settings_alone(_latin_or_utf8(bytes(said)))
        elif mark == b",":
            flags = (file.read(9) or b"\0")[-1]
            file.seek((3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1, os.SEEK_CUR)
            for _piece in _blocks(file):
                pass
        else:
            return


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    for _number in range(CHUNKS_MOST):
        length = file.read(1)
        if not length or length == b"\0":
            return
        yield file.read(length[0])


def _exif(data: bytes) -> Iterator[tuple[str, str]]:
    """Of a TIFF structure: the user's comment, and what ComfyUI writes."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order:
        return
    below = [_number(data, 4, order)]
    for where in below:
        for tag, value in _tags(data, where, order):
            if tag == _IFD and len(below) == 1 and len(value) == 4:
                below.append(_number(value, 0, order))
            elif tag == _COMMENT:
                yield "parameters", _comment(value, order)
            elif tag in _DESCRIPTIONS:
                key, _, said = _latin_or_utf8(value.rstrip(b"\0")).partition(":")
                yield key.strip().lower(), said


def _number(data: bytes, at: int, order: str) -> int:
    found = data[at : at + 4]
    return int(struct.unpack(order + "I", found)[0]) if len(found) == 4 else len(data)


def _tags(data: bytes, where: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Tags and their bytes. Those of more than one byte a unit only where they fit into place."""
    count = data[where : where + 2]
    if len(count) < 2:
        return
    for number in range(min(TAGS_MOST, struct.unpack(order + "H", count)[0])):
        entry = data[where + 2 + 12 * number :][:12]
        if len(entry) < 12:
            return
        tag, kind, length = struct.unpack(order + "HHI", entry[:8])
        if kind == 4 and length == 1:
            yield tag, entry[8:]
        elif kind in (1, 2, 7) and length <= TEXT_MOST_BYTES:
            at = _number(entry, 8, order)
            yield tag, entry[8 : 8 + length] if length <= 4 else data[at : at + length]


def _comment(value: bytes, order: str) -> str:
    """The first eight bytes name the encoding; what stands there is not always true."""
    code, raw = value[:8], value[8:]
    if code == b"UNICODE\0":
        return _utf16(raw, order)
    if code == b"JIS\0\0\0\0\0":
        return raw.decode("iso2022_jp", "replace")
    if code not in (b"ASCII\0\0\0", bytes(8)):
        raw = value  # no code at all
    return _latin_or_utf8(raw.rstrip(b"\0"))


def _utf16(raw: bytes, order: str) -> str:
    """Big-endian as most write it, or in the file's own order, as the standard may be read."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").rstrip("\0")
    # Settings have ASCII in them: "Steps: 20". Its zeros say which byte comes first.
    big, little = raw[::2].count(0), raw[1::2].count(0)
    big_first = big > little if big != little else order == ">"
    return raw.decode("utf-16-be" if big_first else "utf-16-le", "replace").rstrip("\0")


_SETTINGS = re.compile(r"\bSteps: \d|^\s*[{\[]")


def _settings_alone(text: str) -> str:
    """Paint programs write comments as well: "Created with GIMP" is no setting."""
    return text if _SETTINGS.search(text) else ""
