"""What can be wrong with the catalogue.

CatalogError    a file is wrong: which, which key of it, why
"""

from __future__ import annotations

from pathlib import Path


class CatalogError(Exception):
    """A file of the catalogue is wrong: which, where, why."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file, self.key, self.reason = file, key, reason
