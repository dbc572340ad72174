"""The recipe of WebUIs whose source is given, with a stand-in for the source."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from images import build, sources
from images.folders import IMAGES
from images.install import Given
from images.shelf import NotHere, Prepared, Shelf
from tests.images.standins import SOURCE, WebUI, a_copy, a_standin, keeps_the_contract
from tests.running import eventually, free_port

LAYER = """
extends = "stand-in"
title = { en = "Wires", zh = "连线" }
summary = { en = "Windows at night.", zh = "夜里的车窗。" }
creator = "Shen Yan"
version = "1.0"
licence = "CC-BY-4.0"
min_vram_mib = 0
cover = "night-train.webp"

[settings]
width = 768

[[samples]]
prompt = "a carriage window, rain, neon"
negative = "blurry"
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def more(tmp_path: Path, port: int) -> Path:
    folder = tmp_path / "more"
    a_standin(folder, port=port)
    (folder / "wires" / "workflows").mkdir(parents=True)
    (folder / "wires" / "workflows" / "windows.json").write_text("{}")
    (folder / "wires" / "setup.toml").write_text(LAYER)
    return folder


@pytest.fixture
def shelf(tmp_path: Path, more: Path) -> Shelf:
    return Shelf(tmp_path / "shelf", tmp_path / "shelf" / "models", images=IMAGES, more=more)


def quiet(_what: str, _done: int, _total: int, _unit: str) -> None:
    """Nobody listens."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "Models" / "loras").mkdir(parents=True)
    (home / "Models" / "loras" / "mine.safetensors").write_text("x")
    return home


class Runs:
    """The recipe's `start`, as the session would keep it."""

    def __init__(self, prepared: Prepared, home: Path, models: Path, port: int) -> None:
        self.home, self.webui = home, WebUI(port, home)
        (models / "loras").mkdir(parents=True, exist_ok=True)
        (models / "loras" / "shared.safetensors").write_text("x")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DESK_SETUP": str(prepared.setup),
            "DESK_CREATOR": str(prepared.creator or ""),
            "DESK_MODELS": str(models),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> WebUI:
        start = Path(self.env["DESK_SETUP"], "start")
        self.process = subprocess.Popen([start], env=self.env)
        eventually(lambda: self.webui.get("/healthz")[0] == 200, what="the stand-in")
        return self.webui

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def runs(shelf: Shelf, home: Path, tmp_path: Path, port: int) -> Iterator[Runs]:
    prepared = shelf.prepare("stand-in", quiet, given=Given(SOURCE))
    runs = Runs(prepared, home, tmp_path / "models", port)
    yield runs
    runs.end()


def test_it_keeps_the_contract(runs: Runs, home: Path) -> None:
    pictures = home / "Outputs" / "Stand-in"
    keeps_the_contract(runs.begin(), lambda name: (pictures / name).read_bytes())


def test_it_is_told_where_everything_is(runs: Runs, home: Path) -> None:
    told = runs.begin().told()
    data = home / ".webui" / "stand-in"
    assert told["arguments"][:4] == ["--port", str(runs.webui.port), "--data", str(data)]
    assert ("--cpu" in told["arguments"]) == (not Path("/dev/nvidiactl").exists())
    assert told["environment"] == str(Path(runs.env["DESK_SETUP"], "source"))
    assert {
        "models/Lora/own/mine.safetensors",
        "models/Lora/shared/shared.safetensors",
    } <= set(told["files"])


def test_what_somebody_changed_stays_changed(
    runs: Runs, shelf: Shelf, more: Path, home: Path
) -> None:
    assert runs.begin().told()["defaults"] == {"width/value": 640, "steps/value": 20}
    runs.end()
    settings = home / ".webui" / "stand-in" / "settings.json"
    settings.write_text(json.dumps({"width/value": 640, "steps/value": 50, "own": True}))
    layer = shelf.prepare("wires", quiet, given=Given(SOURCE))
    runs.env["DESK_CREATOR"] = str(layer.creator)
    # The creator's width, for nobody touched that one; the person's own steps.
    said = {"width/value": 768, "steps/value": 50, "own": True}
    assert runs.begin().told()["defaults"] == said


def test_a_creator_brings_prompts_and_workflows(runs: Runs, shelf: Shelf, home: Path) -> None:
    runs.env["DESK_CREATOR"] = str(shelf.prepare("wires", quiet).creator)
    data = home / ".webui" / "stand-in"
    data.mkdir(parents=True)
    (data / "styles.csv").write_text("name,prompt,negative_prompt\nmine,a cat,\n★ Old 1,x,y\n")
    for _again in range(2):
        assert "workflows/Shen Yan/windows.json" in runs.begin().told()["files"]
        runs.end()
        with (data / "styles.csv").open(encoding="utf-8-sig") as text:
            assert list(csv.reader(text))[1:] == [
                ["★ Wires 1", "a carriage window, rain, neon", "blurry"],
                ["mine", "a cat", ""],
            ]


def test_a_settings_file_that_cannot_be_read_is_put_aside(runs: Runs, home: Path) -> None:
    data = home / ".webui" / "stand-in"
    data.mkdir(parents=True)
    (data / "settings.json").write_text("{cut short")
    assert runs.begin().told()["defaults"] == {"width/value": 640, "steps/value": 20}
    assert (data / "settings.json.put-aside-1").read_text() == "{cut short"


def test_extensions_are_given_checked_and_linked(
    runs: Runs, shelf: Shelf, more: Path, home: Path, tmp_path: Path
) -> None:
    given = tmp_path / "extensions"
    (given / "film-grain").mkdir(parents=True)
    (given / "film-grain" / "grain.py").write_text("print('grain')\n")
    words = '[[extensions]]\nname = "film-grain"\nurl = "https://code.example.org/film-grain"\n'
    words += f'commit = "{"c" * 40}"\ntree = "{sources.tree_id(given / "film-grain")}"\n'
    (more / "wires" / "setup.toml").write_text(f'{LAYER}\n{words}licence = "MIT"\n')
    with pytest.raises(NotHere, match=r"film-grain: the extension was not given.*--extensions"):
        shelf.prepare("wires", quiet)
    (given / "film-grain" / "more.py").write_text("evil\n")
    with pytest.raises(NotHere, match="Nothing of it was used"):
        shelf.prepare("wires", quiet, given=Given(extensions=given))
    (given / "film-grain" / "more.py").unlink()
    layer = shelf.prepare("wires", quiet, given=Given(extensions=given))
    runs.env["DESK_CREATOR"] = str(layer.creator)
    mine = home / ".webui" / "stand-in" / "plug-ins" / "mine"
    mine.mkdir(parents=True)
    (mine / "own.py").write_text("")
    found = {name for name in runs.begin().told()["files"] if name.startswith("plug-ins")}
    assert {"plug-ins/film-grain/grain.py", "plug-ins/mine/own.py"} <= found
    runs.end()
    runs.env["DESK_CREATOR"] = ""
    found = {name for name in runs.begin().told()["files"] if name.startswith("plug-ins")}
    assert found == {"plug-ins/mine/own.py"}


def test_a_source_that_was_not_given_is_asked_for(shelf: Shelf) -> None:
    with pytest.raises(NotHere) as no:
        shelf.prepare("stand-in", quiet)
    said = str(no.value)
    assert "stand-in: no source was given" in said
    assert "https://code.example.org/stand-in at commit 89abcdef" in said
    assert "--source" in said
    assert "at assets: assets at commit" in said
    assert shelf.prepared() == []


def test_a_changed_source_or_part_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    source = a_copy(tmp_path)
    (source / "assets" / "page.js").write_text("changed\n")
    with pytest.raises(NotHere, match=r"assets: .* is the tree .*, but the setup names"):
        shelf.prepare("stand-in", quiet, given=Given(source))
    source = a_copy(tmp_path / "again")
    (source / "more.py").write_text("slipped in\n")
    with pytest.raises(NotHere, match=r"stand-in: .* is the tree .*, but the setup names"):
        shelf.prepare("stand-in", quiet, given=Given(source))
    assert shelf.find("stand-in") is None
    assert shelf.prepare("stand-in", quiet, given=Given(a_copy(tmp_path / "third"))).setup.exists()


def test_a_build_refuses_before_it_begins(
    more: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_SETUPS_FOLDER", str(more))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_desktop", lambda **_: "localhost/atelier/desktop:latest")
    with pytest.raises(build.BuildFailed, match="no source was given"):
        build.build("stand-in")
    a_standin(more, tree="0" * 40)
    with pytest.raises(build.BuildFailed, match="but the setup names 0000"):
        build.build("stand-in", given=Given(SOURCE))
