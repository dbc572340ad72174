"""What people get, as one SHA-256: the signature of a setup's version. Standard library only.

In it: all of setup.toml but the words that present it, every other file that is installed, and of
the setup that it extends the slug, version and digest. A comma in a title changes nothing; a byte
of a start script does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from images import reading, recipes
from images.folders import Place, SetupError

# Words and pictures that present a setup. They may change without a new version.
PRESENTATION = frozenset({"title", "summary", "position", "offered", "cover", "avatar", "links"})

# Bytes of all files of one setup: they are read at every start, and copied to every machine.
LARGEST = 512 << 20


def of(slug: str, places: Mapping[str, Place]) -> str:
    """64 hex digits. SetupError where a file cannot be read or a base is not known."""
    place = places[slug]
    words = reading.toml(place.file)
    signed = {
        "setup": {key: value for key, value in words.items() if key not in PRESENTATION},
        "files": _files(place, words),
        "base": base(slug, places),
    }
    try:
        return hashlib.sha256(_canonical(signed)).hexdigest()
    except RecursionError as error:
        raise SetupError(place.file, "", "nested too deeply") from error


def base(slug: str, places: Mapping[str, Place]) -> dict[str, str] | None:
    """Slug, version and digest of the setup that this one extends. SetupError."""
    place = places[slug]
    words = reading.toml(place.file)
    if "extends" not in words:
        return None
    name = words["extends"]
    if not isinstance(name, str) or name == slug or name not in places:
        raise SetupError(place.file, "extends", f"unknown setup {name!r}")
    below = reading.toml(places[name].file)
    if "extends" in below:
        raise SetupError(place.file, "extends", f"{name!r} extends another setup itself")
    return {"slug": name, "version": str(below.get("version", "")), "digest": of(name, places)}


def _files(place: Place, words: Mapping[str, Any]) -> dict[str, str]:
    """Every other file that is installed: its path within the folder, and its SHA-256.

    SetupError for one that cannot be read.
    """
    install = words.get("install")
    named = install.get("requirements") if isinstance(install, dict) else None
    requirements = place.file.parent / named if isinstance(named, str) else None
    recipe = recipes.Recipe(place.folder, place.file, place.slug, requirements=requirements)
    pictures = {str(words[key]) for key in ("cover", "avatar") if key in words}
    found = {}
    length = 0
    for path in recipes.files(recipe)[1:]:
        inside = recipes.inside(recipe, path).as_posix()
        try:
            if inside not in pictures and path.is_file():
                length += path.stat().st_size
                if length > LARGEST:
                    reason = f"with it the folder has more than {LARGEST >> 20} MiB"
                    raise SetupError(path, "", f"{reason}; large files are named in [[models]]")
                found[inside] = _sha256(path)
        except OSError as error:
            raise SetupError(path, "", f"cannot be read: {error.strerror}") from error
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _canonical(value: Any) -> bytes:
    """One text for one meaning, whatever order the keys were written in."""
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
    )
    return text.encode(errors="surrogateescape")  # as a name that is no UTF-8 is kept
