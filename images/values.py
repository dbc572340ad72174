"""Kinds of values in files of the catalogue, with the words for what is wrong about one."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from images.folders import LONGEST_SLUG, SLUG

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
LARGEST_SETTINGS = 32 * 1024

Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=LONGEST_SLUG, strict=True)]
# Far beyond any machine, well within the columns.
Mib = Annotated[int, Field(strict=True, ge=0, le=2**30)]
Position = Annotated[int, Field(strict=True, ge=0, le=32767)]
Flag = Annotated[bool, Field(strict=True)]


def text(most: int, least: int = 1) -> StringConstraints:
    return StringConstraints(
        strip_whitespace=True, min_length=least, max_length=most, strict=True, pattern=_PRINTABLE
    )


Text40 = Annotated[str, text(40)]
Text60 = Annotated[str, text(60)]
Text80 = Annotated[str, text(80)]
Text160 = Annotated[str, text(160)]
Text240 = Annotated[str, text(240)]
Prompt = Annotated[str, text(1000)]


def _https(url: str) -> str:
    """An address to send a browser or a downloader to; never one with a password in it."""
    if not url.startswith("https://"):
        raise ValueError("the address must begin with https://")
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("the address must name a host, and neither user nor password")
    return url


def _checksum(value: object) -> object:
    said = value.lower() if isinstance(value, str) else ""
    if len(said) != 64 or set(said) - set("0123456789abcdef"):
        raise ValueError("a SHA-256 is 64 characters of 0-9 and a-f")
    return said


def _git_id(value: object) -> object:
    said = value.lower() if isinstance(value, str) else ""
    if len(said) != 40 or set(said) - set("0123456789abcdef"):
        raise ValueError("Git's id in full: 40 characters of 0-9 and a-f")
    return said


def _weights(name: str) -> str:
    if name.lower().endswith(PICKLES):
        raise ValueError("safetensors only: a file of this kind can run programs when opened")
    if not name.endswith(".safetensors"):
        raise ValueError("safetensors only: the name must end in .safetensors")
    return name


def json_only(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        said = json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        message = "only text, numbers, true, false, lists and tables; no dates, no nan"
        raise ValueError(message) from None
    if len(said) > LARGEST_SETTINGS:
        raise ValueError(f"at most {LARGEST_SETTINGS} characters")
    if re.search(r"(?<!\\)(\\\\)*\\u0000", said):  # which no database keeps
        raise ValueError("a text in it holds the character NUL")
    return settings


Https = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", max_length=1000, strict=True),
    AfterValidator(_https),
]
Sha256 = Annotated[str, BeforeValidator(_checksum)]
GitId = Annotated[str, BeforeValidator(_git_id)]
Picture = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}\.webp$", strict=True)]
# A file of the setup's own folder: no way out of it, no hidden one.
Inside = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$", strict=True)
]
Weights = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=120, strict=True),
    AfterValidator(_weights),
]
# A path within a tree or a folder: no way out of it, no hidden one.
Within = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,79}){0,5}$",
        strict=True,
    ),
]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$", strict=True)]
Argument = Annotated[str, text(240)]
Setting = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$", strict=True)]
