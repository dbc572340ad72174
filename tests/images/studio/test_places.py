"""Where things lie, and what a creator laid on top of the plain studio."""

from __future__ import annotations

from pathlib import Path

import pytest
from studio import pictures
from studio.places import Creator, Places, creator

from tests.running import ROOT

BASE = (
    'creator = "Atelier"\n[settings]\nsteps = 20\nguidance = 5.0\n[[samples]]\nprompt = "a cat"\n'
)
LAYER = """\
creator = "Mo Bai"
[settings]
steps = 24
negative = "photo"
[[samples]]
prompt = "ink mountains"
prompt_zh = "水墨山峦"
seed = 11
"""


def put(folder: Path | None, text: str) -> None:
    assert folder is not None
    (folder / "setup.toml").write_text(text, encoding="utf-8")


def test_the_session_says_where_things_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOME": "/home/desk",
        "DESK_SETUP": "/opt/setup",
        "DESK_MODELS": "/run/desk/models",
        "DESK_CREATOR": "/opt/creator",
    }.items():
        monkeypatch.setenv(name, value)
    places = Places.from_environment()
    assert places == Places(
        Path("/home/desk"), Path("/opt/setup"), Path("/run/desk/models"), Path("/opt/creator")
    )
    assert places.outputs == Path("/home/desk/Outputs")
    assert places.own_models == Path("/home/desk/Models")


def test_without_a_session_it_runs_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESK_SETUP", "DESK_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESK_CREATOR", "")
    places = Places.from_environment()
    assert places.setup == ROOT / "images" / "studio"
    assert places.creator is None
    assert not places.models.exists()


def test_a_layer_stands_over_the_plain_studio(places: Places) -> None:
    put(places.setup, BASE)
    put(places.creator, LAYER)
    found = creator(places)
    assert found.name == "Mo Bai"
    assert found.settings == {"steps": 24, "guidance": 5.0, "negative": "photo"}
    assert [sample["prompt"] for sample in found.samples] == ["ink mountains"]


def test_a_layer_that_says_neither_has_those_of_the_plain_studio(places: Places) -> None:
    put(places.setup, BASE)
    put(places.creator, 'creator = "Mo Bai"\n')
    found = creator(places)
    assert (found.name, found.settings["steps"]) == ("Mo Bai", 20)
    assert [sample["prompt"] for sample in found.samples] == ["a cat"]


@pytest.mark.parametrize("text", ["", "settings =", "\udcff"], ids=["empty", "broken", "no text"])
def test_an_unreadable_layer_leaves_the_plain_studio(places: Places, text: str) -> None:
    put(places.setup, BASE)
    assert places.creator is not None
    (places.creator / "setup.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert creator(places).name == "Atelier"


def test_with_nothing_at_all_it_still_starts(places: Places) -> None:
    assert creator(places) == Creator()


def _layers() -> list[Path]:
    files = sorted((ROOT / "images").glob("*/setup.toml"))
    return [file.parent for file in files if 'extends = "studio"' in file.read_text("utf-8")]


@pytest.mark.parametrize("folder", _layers(), ids=lambda folder: folder.name)
def test_our_own_layers_ask_for_what_the_studio_can_do(folder: Path) -> None:
    found = creator(Places(Path("/nowhere"), ROOT / "images" / "studio", Path("/nowhere"), folder))
    first = pictures.wish_of(found.settings, pictures.Wish("a cat"))
    assert set(found.settings) <= {"width", "height", "steps", "guidance", "negative"}
    assert found.samples
    for sample in found.samples:
        wish = pictures.wish_of(sample, first)
        said = {key: getattr(wish, key) for key in sample if hasattr(wish, key)}
        assert said == {key: value for key, value in sample.items() if key != "prompt_zh"}
