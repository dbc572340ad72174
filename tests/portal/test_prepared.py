"""The database is prepared again whenever what it is prepared from has changed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from images.folders import SETTING
from portal.supervisor.platform import prepared_stamp
from tests.images.test_schema import BASE, LAYER, put


def stamp(root: Path) -> str | None:
    return prepared_stamp(SimpleNamespace(root=root))  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv(SETTING, raising=False)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").write_text("django\n")
    (tmp_path / "images").mkdir()
    put(tmp_path / "images", "base", BASE)
    return tmp_path


def test_the_same_is_not_prepared_twice(root: Path) -> None:
    assert stamp(root) == stamp(root)


def test_a_word_or_a_file_of_a_setup_is_news(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {stamp(root)}
    put(root / "images", "base", BASE.replace("What others stand on.", "What most stand on."))
    seen.add(stamp(root))
    (root / "images" / "base" / "start").write_text("#!/bin/sh\n")
    seen.add(stamp(root))
    own = root / "own"
    own.mkdir()
    put(own, "long-lens", LAYER)
    assert stamp(root) in seen, "nobody named that folder"
    monkeypatch.setenv(SETTING, str(own))
    seen.add(stamp(root))
    put(own, "long-lens", "not TOML")
    seen.add(stamp(root))
    assert len(seen) == 5


def test_a_database_of_somebody_elses_is_always_prepared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.org/atelier")
    assert stamp(root) is None
