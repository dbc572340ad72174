"""Where things lie; what the desktop's session says, and what is usual where it says nothing."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Places:
    home: Path
    setup: Path
    models: Path  # shared, read-only
    creator: Path | None

    @classmethod
    def from_environment(cls) -> Places:
        given = os.environ.get
        home = Path(given("HOME", "."))
        creator = given("DESK_CREATOR", "")
        return cls(
            home=home,
            setup=Path(given("DESK_SETUP", Path(__file__).parents[1])),
            models=Path(given("DESK_MODELS", home / "no-shared-models")),
            creator=Path(creator) if creator else None,
        )

    @property
    def outputs(self) -> Path:
        return self.home / "Outputs"

    @property
    def own_models(self) -> Path:
        return self.home / "Models"

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "studio"


@dataclass(frozen=True)
class Creator:
    """What somebody laid on top of the plain studio."""

    name: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    samples: tuple[dict[str, Any], ...] = ()


def creator(places: Places) -> Creator:
    """Of the setup that extends this one, over what the studio's own says. Never fails."""
    base, own = _said(places.setup), _said(places.creator)
    return Creator(
        name=str(own.get("creator") or base.get("creator", "")),
        settings=base.get("settings", {}) | own.get("settings", {}),
        samples=tuple(own.get("samples") or base.get("samples", ())),
    )


def _said(folder: Path | None) -> dict[str, Any]:
    """Checked when the catalogue was loaded; empty where there is none."""
    try:
        return tomllib.loads((folder / "setup.toml").read_text("utf-8-sig")) if folder else {}
    except (OSError, ValueError):
        return {}
