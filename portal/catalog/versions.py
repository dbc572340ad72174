"""Versions of setups: published once, signed by their digest, never changed afterwards.

Whoever changes what people get gives it a new version. While they are at it, the version's name
ends in `-dev`: such a one may change at every load, and so may what extends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from images.folders import SetupError
from images.recipes import UNFINISHED
from portal.catalog.models import Setup, SetupVersion

# Words and pictures that present a setup, and its place in the list: no part of a version.
PRESENTATION = frozenset(
    {"title_en", "title_zh", "summary_en", "summary_zh", "position", "offered"}
    | {"cover", "avatar", "links"}
)


def publish(file: Path, slug: str, *, columns: Mapping[str, Any], may_change: bool) -> None:
    """Write this version down, unless it is known. SetupError if it was another one then."""
    version, digest = columns["version"], columns["digest"]
    content = {name: value for name, value in columns.items() if name not in PRESENTATION}
    known, new = SetupVersion.objects.get_or_create(
        setup_id=slug, version=version, defaults={"digest": digest, "content": content}
    )
    if new or (known.digest == digest and known.content == content):
        return
    if known.digest != digest and not may_change:
        raise SetupError(file, "version", _changed(slug, version, columns["extends"]))
    # Same content in other columns, since the platform itself was upgraded; or still in the works.
    SetupVersion.objects.filter(pk=known.pk).update(digest=digest, content=content)


def edition(setup: Setup, version: str) -> Setup | None:
    """The setup as it was in that version; not a row to be saved. None if it never was."""
    if version == setup.version:
        return setup
    row = setup.versions.filter(version=version).first()
    if row is None:
        return None
    earlier = copy(setup)
    earlier.superseded = True
    for name, value in row.content.items():
        setattr(earlier, name, value)
    return earlier


def _changed(slug: str, version: str, base: str) -> str:
    below = f" or in {base!r}, which it extends" if base else ""
    return (
        f"version {version} of {slug} is published with other content (in its folder{below});"
        f" give it a new version, or one that ends in {UNFINISHED!r} while you work on it"
    )
