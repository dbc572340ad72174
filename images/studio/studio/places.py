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
    """Of the setup that extends this one; else of the studio itself. Never fails."""
    for folder in (places.creator, places.setup):
        if folder is None:
            continue
        try:
            said = tomllib.loads((folder / "setup.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return Creator(
            name=str(said.get("creator", "")),
            settings=dict(said.get("settings", {})),
            samples=tuple(said.get("samples", ())),
        )
    return Creator()
