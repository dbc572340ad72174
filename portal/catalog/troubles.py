"""What of the catalogue's files is left out, and why: for staff, until a load finds it in order.

A setup that is left out stays as it was published, and so do its versions: desktops with it run on
and start again, and it can be launched wherever what it takes is there.
"""

from __future__ import annotations

from collections.abc import Iterable

from images.folders import LeftOut, SetupError
from portal.catalog.errors import CatalogError
from portal.catalog.models import Setup, Trouble

LONGEST = 1000  # characters; what a file says may be of any length


def write(left_out: Iterable[LeftOut]) -> None:
    """These, and no others any longer."""
    now = [_columns(one.error, one.slug) for one in left_out]
    kept = [_note(columns).pk for columns in now]
    Trouble.objects.exclude(pk__in=kept).delete()
    slugs = {columns["slug"] for columns in now}
    Setup.objects.filter(left_out=True).exclude(slug__in=slugs).update(left_out=False)
    Setup.objects.filter(left_out=False, slug__in=slugs).update(left_out=True)


def note(error: CatalogError) -> None:
    """A file of the site's own, on account of which nothing was loaded at all."""
    _note(_columns(error, ""))


def _note(columns: dict[str, str]) -> Trouble:
    """One row a file; since when it is wrong stays, whatever else becomes wrong about it."""
    row, new = Trouble.objects.get_or_create(file=columns["file"], defaults=columns)
    if not new and any(getattr(row, name) != value for name, value in columns.items()):
        Trouble.objects.filter(pk=row.pk).update(**columns)
    return row


def _columns(error: SetupError | CatalogError, slug: str) -> dict[str, str]:
    said = {"file": str(error.file), "slug": slug, "key": error.key, "reason": error.reason}
    return {name: _keepable(words) for name, words in said.items()}


def _keepable(words: str) -> str:
    """As a database takes it: names of files and keys may hold what is no text."""
    short = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return short.encode(errors="replace").decode().replace("\0", "␀")
