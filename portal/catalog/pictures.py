"""Covers and avatars. Ours lie among the static files; a creator's own folder may bring its own.

Those are kept in the database under their SHA-256, because the folder is only there where the
catalogue is loaded, and a picture that changes gets another address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.urls import reverse

from images.folders import Place, SetupError
from images.schema import Setup as SetupFile
from portal.catalog.models import Picture

LARGEST = 300_000  # bytes
_NAME = 64 + len(".webp")


def read(place: Place, setup: SetupFile) -> dict[str, bytes]:
    """The pictures that the folder itself has, by name; the others are ours. SetupError."""
    found = {}
    for key, name in (("cover", setup.cover), ("avatar", setup.avatar)):
        if name is None:
            continue
        path = place.folder / name
        try:
            data = _bytes(path) if path.is_file() else None
        except OSError as error:
            reason = f"{name} cannot be read: {error.strerror}"
            raise SetupError(place.file, key, reason) from error
        if data is None:
            if finders.find(f"covers/{name}") is None:  # a page with it could not be made
                raise SetupError(
                    place.file, key, f"there is no {name!r} beside it, nor among ours"
                )
            continue
        if len(data) > LARGEST:
            raise SetupError(place.file, key, f"{name} is larger than {LARGEST} bytes")
        if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise SetupError(place.file, key, f"{name} is not a WebP picture")
        found[name] = data
    return found


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def keep(own: Mapping[str, bytes], name: str) -> str:
    """What the column says: the name of a Picture, kept from now on, or of one of our files."""
    if name not in own:
        return name
    kept = f"{hashlib.sha256(own[name]).hexdigest()}.webp"
    Picture.objects.get_or_create(name=kept, defaults={"data": own[name]})
    return kept


def address(name: str) -> str:
    """Where a browser finds it."""
    if len(name) == _NAME:
        return reverse("setup-picture", args=[name])
    return static(f"covers/{name}")
