"""Names of files, which are bytes, as text that JSON, addresses and forms carry unharmed.

Almost all names are UTF-8 and stand as they are. A byte that is no UTF-8 stands as a sign of the
private use area, U+EF00 + the byte; a name that has such signs of its own has each of their bytes
written so. So no two names become one, and each leads back to its file.
"""

from __future__ import annotations

import os
import re

BYTES = 0xEF00  # U+EF80 to U+EFFF: bytes 0x80 to 0xFF
_UNDECODED = re.compile("[\udc80-\udcff]")
_SIGN = re.compile("[\uef80-\uefff]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def to_text(name: str) -> str:
    """A name or path as the file system gives it, for whoever asks over HTTP."""
    text = os.fsencode(name).decode("utf-8", "surrogateescape")
    text = _SIGN.sub(lambda sign: "".join(chr(BYTES + byte) for byte in sign[0].encode()), text)
    return _UNDECODED.sub(lambda sign: chr(BYTES + (ord(sign[0]) & 0xFF)), text)


def from_text(text: str) -> str:
    """The other way round.

    Raises:
        UnicodeEncodeError: half a surrogate pair, which stands for nothing.
    """
    text = _SIGN.sub(lambda sign: chr(0xDC00 + (ord(sign[0]) & 0xFF)), text)
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def readable(name: str) -> str:
    """For a downloaded file or the inside of a zip: UTF-8, else as a Chinese Windows packs names
    (GB 18030), else with the odd bytes as %XX. Without control characters. Not reversible."""
    raw = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        text = _UNDECODED.sub(
            lambda sign: f"%{ord(sign[0]) & 0xFF:02X}", raw.decode("utf-8", "surrogateescape")
        )
    return _UNSAFE.sub("_", text)
