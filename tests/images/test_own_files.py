"""What somebody has in their home never keeps a WebUI from starting, and none of it is lost."""

from __future__ import annotations

import csv
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from images.folders import IMAGES
from images.install import Given
from images.shelf import Shelf
from tests.images.standins import SOURCE, a_standin
from tests.images.test_webui import Runs, quiet
from tests.running import eventually, free_port

STYLES = 'name,prompt,negative_prompt\r\n雨夜,"a girl in the rain, 电影感",\r\ncat,"a cat",dog\r\n'
ROWS = [["雨夜", "a girl in the rain, 电影感", ""], ["cat", "a cat", "dog"]]
LONG = f"long,{'a ' * 75_000},\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "Models" / "loras").mkdir(parents=True)
    return home


@pytest.fixture
def runs(tmp_path: Path, home: Path) -> Iterator[Runs]:
    port = free_port()
    file = a_standin(tmp_path / "more", port=port)
    with file.open("a") as words:
        words.write('\n[launch.own_files]\n"own/words.json" = "json"\n')
    here = tmp_path / "shelf"
    shelf = Shelf(here, here / "models", images=IMAGES, more=tmp_path / "more")
    runs = Runs(shelf.prepare("stand-in", quiet, given=Given(SOURCE)), home, here / "all", port)
    runs.env["DESK_NOTES"] = str(tmp_path / "notes.jsonl")
    yield runs
    runs.end()


@pytest.fixture
def data(home: Path) -> Path:
    folder = home / ".webui" / "stand-in"
    (folder / "own").mkdir(parents=True)
    return folder


def notes(runs: Runs) -> list[dict[str, str]]:
    file = Path(runs.env["DESK_NOTES"])
    return list(map(json.loads, file.read_text().splitlines())) if file.exists() else []


def rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [
            [row["name"], row["prompt"], row["negative_prompt"]] for row in csv.DictReader(text)
        ]


@pytest.mark.parametrize(
    ("written", "kept", "english", "chinese"),
    [
        (STYLES.encode("gbk"), ROWS, "was in GBK", "GBK 编码"),
        (STYLES.encode("utf-16"), ROWS, "was in UTF-16", "UTF-16 编码"),
        ((STYLES + LONG).encode(), ROWS, "held 1 entries that are too long", "有 1 条太长"),
        (f"{STYLES}x,a\0b,\r\n".encode(), [*ROWS, ["x", "ab", ""]], "characters", "读不了的字符"),
        (b"\xff\xfe\x00" + bytes(range(256)), [], "is damaged", "已损坏"),
        (bytes(range(256)), [], "is damaged", "已损坏"),
    ],
    ids=["GBK", "UTF-16", "a long field", "NUL", "half of UTF-16", "no words"],
)
def test_styles_are_used_as_far_as_they_can_be_and_the_original_is_kept(
    runs: Runs, data: Path, written: bytes, kept: list[list[str]], english: str, chinese: str
) -> None:
    (data / "styles.csv").write_bytes(written)
    runs.begin()
    assert rows(data / "styles.csv") == kept
    assert (data / "styles.csv.put-aside-1").read_bytes() == written
    [note] = notes(runs)
    assert english in note["en"] and chinese in note["zh"]
    for words in note.values():
        assert "~/.webui/stand-in/styles.csv" in words and "styles.csv.put-aside-1" in words
    runs.end()
    runs.begin()
    assert len(notes(runs)) == 1, "once it is mended there is nothing to say"
    assert rows(data / "styles.csv") == kept


@pytest.mark.parametrize("written", [STYLES.encode(), STYLES.encode("utf-8-sig"), b""])
def test_what_it_can_read_is_left_alone(runs: Runs, data: Path, written: bytes) -> None:
    (data / "styles.csv").write_bytes(written)
    (data / "own" / "words.json").write_text('{"half": "\\ud83d"}')
    (data / "settings.json").write_text('{"half": "\\ud83d"}')
    defaults = runs.begin().told()["defaults"]
    assert defaults["half"] == "\ud83d"
    assert rows(data / "styles.csv") == (ROWS if written else [])
    assert not notes(runs) and not list(data.rglob("*put-aside*"))


def pipe(file: Path) -> None:
    os.mkfifo(file)


def folder(file: Path) -> None:
    (file / "inside").mkdir(parents=True)


def huge(file: Path) -> None:
    file.touch()
    os.truncate(file, 1 << 30)


def contents(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a pipe": pipe,
    "a folder": folder,
    "a huge file": huge,
    "a link to nowhere": lambda file: file.symlink_to("nowhere"),
    "a link to itself": lambda file: file.symlink_to(file.name),
    "an endless file": lambda file: file.symlink_to("/dev/zero"),
    "no JSON": contents(b"{cut short"),
    "nothing": contents(b""),
    "no object": contents(b"[1]"),
    "nested": contents(b"[" * 100_000),
    "a number without end": contents(b'{"a": ' + b"9" * 9000 + b"}"),
}


NO_FILES = list(IN_THE_WAY)[:6]  # whatever should be there
CASES = [
    *(("own/words.json", what) for what in IN_THE_WAY),
    *(("styles.csv", what) for what in NO_FILES),
    *(
        (name, what)
        for name in ("settings.json", ".defaults.json")
        for what in ("a folder", "nothing")
    ),
]


@pytest.mark.parametrize(("name", "what"), CASES)
def test_what_is_no_such_file_is_put_aside(runs: Runs, data: Path, name: str, what: str) -> None:
    IN_THE_WAY[what](data / name)
    before = os.lstat(data / name)
    assert runs.begin().told()["defaults"] == {"width/value": 640, "steps/value": 20}
    aside = os.lstat(data / f"{name}.put-aside-1")
    assert (aside.st_ino, aside.st_size) == (before.st_ino, before.st_size), "moved, not copied"
    assert [note["en"].split()[0] for note in notes(runs)] == [f"~/.webui/stand-in/{name}"]


def test_json_as_windows_writes_it_is_converted(runs: Runs, data: Path) -> None:
    said = {"width/value": 512, "steps/value": 9, "名": "雨"}
    for encoding in ("utf-8-sig", "utf-16", "gbk"):
        text = json.dumps(said, ensure_ascii=False).encode(encoding)
        (data / "settings.json").write_bytes(text)
        assert runs.begin().told()["defaults"] == said
        runs.end()
    assert len(list(data.glob("settings.json.put-aside-*"))) == 3
    assert "UTF-8-BOM" in notes(runs)[0]["en"]


def test_the_same_again_takes_no_more_room(runs: Runs, data: Path) -> None:
    for _again in range(3):
        (data / "own" / "words.json").write_text("{cut short")
        runs.begin()
        runs.end()
    (data / "own" / "words.json").write_text("{cut shorter")
    runs.begin()
    found = sorted(path.name for path in (data / "own").glob("words.json.put-aside-*"))
    assert found == ["words.json.put-aside-1", "words.json.put-aside-2"]


def test_a_link_to_a_file_elsewhere_stays_one(runs: Runs, data: Path, home: Path) -> None:
    (home / "mine.csv").write_text(STYLES)
    (data / "styles.csv").symlink_to(home / "mine.csv")
    runs.begin()
    assert (data / "styles.csv").is_symlink()
    assert rows(home / "mine.csv") == ROWS


@pytest.mark.parametrize("place", [".webui", ".webui/stand-in", "Outputs", "Outputs/Stand-in"])
def test_a_file_where_a_folder_is_wanted_is_put_aside(runs: Runs, home: Path, place: str) -> None:
    (home / place).parent.mkdir(exist_ok=True)
    (home / place).write_text("mine")
    runs.begin()
    assert (home / place).is_dir()
    assert (home / f"{place}.put-aside-1").read_text() == "mine"
    assert [note["en"].split()[0] for note in notes(runs)] == [f"~/{place}"]


@pytest.mark.parametrize("place", ["models", "models/Lora", "plug-ins", "workflows", "own"])
def test_a_file_in_its_own_folder_is_no_hindrance_either(
    runs: Runs, data: Path, place: str
) -> None:
    (data / "own").rmdir()
    (data / place).parent.mkdir(exist_ok=True)
    (data / place).write_text("mine")
    runs.begin()
    kept = [
        path.read_text()
        for path in (data / place, data / f"{place}.put-aside-1")
        if path.is_file()
    ]
    assert kept == ["mine"]


def test_a_model_that_is_damaged_is_no_hindrance(runs: Runs, home: Path) -> None:
    (home / "Models" / "loras" / "empty.safetensors").touch()
    (home / "Models" / "loras" / "gone.safetensors").symlink_to("nowhere")
    assert "models/Lora/own/empty.safetensors" in runs.begin().told()["files"]


def without_privilege() -> None:
    """Root as well may then read only what its permissions say (prctl(2), capabilities(7))."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP


@pytest.mark.parametrize("shut", ["styles.csv", "settings.json", "", "own"])
def test_what_one_may_not_read_oneself_is_opened_again(runs: Runs, data: Path, shut: str) -> None:
    (data / "styles.csv").write_text(STYLES)
    (data / "settings.json").write_text('{"steps/value": 9}')
    (data / shut).chmod(0)
    start = Path(runs.env["DESK_SETUP"], "start")
    runs.process = subprocess.Popen(
        [start],
        env=runs.env,
        preexec_fn=without_privilege,  # noqa: PLW1509 (we have no threads)
    )
    eventually(lambda: runs.webui.get("/healthz")[0] == 200, what="the stand-in")
    assert rows(data / "styles.csv") == ROWS
    assert runs.webui.told()["defaults"]["steps/value"] == 9
    assert [note["en"].split()[0] for note in notes(runs)] == [
        f"~/.webui/stand-in/{shut}".rstrip("/")
    ]


def test_a_full_disk_is_no_hindrance(runs: Runs, data: Path, home: Path) -> None:
    """Of one that takes nothing any more: every file that it would write is too large."""
    (data / "styles.csv").write_bytes(STYLES.encode("gbk"))
    start = Path(runs.env["DESK_SETUP"], "start")
    full = f"ulimit -f 0; trap '' XFSZ; exec {start}"
    runs.process = subprocess.Popen(["bash", "-c", full], env=runs.env, stdout=subprocess.DEVNULL)
    eventually(lambda: runs.webui.get("/healthz")[0] == 200, what="the stand-in")
    assert (data / "styles.csv").read_bytes() == STYLES.encode("gbk")


# --- The same for InvokeAI's own ----------------------------------------------------------------


def invokeai(home: Path, code: str = "furnish()") -> str:
    program = f"import run; run.{code}"
    env: dict[str, Any] = {
        "HOME": str(home),
        "DESK_SETUP": str(home / "no"),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-B", "-c", program]
    return subprocess.run(
        command, cwd=IMAGES / "invokeai", env=env, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("written", ["host: [", "- a list", "\tx: 1", "host: a\n\0"])
def test_settings_of_invokeai_that_are_none_are_put_aside(home: Path, written: str) -> None:
    file = home / "InvokeAI" / "invokeai.yaml"
    file.parent.mkdir()
    file.write_text(written)
    assert "invokeai.yaml.put-aside-1" in invokeai(home)
    assert file.read_text().startswith("# Written once")
    assert file.with_name("invokeai.yaml.put-aside-1").read_text() == written


def test_a_database_that_is_none_is_put_aside_and_one_that_is_stays(home: Path) -> None:
    file = home / "InvokeAI" / "databases" / "invokeai.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"SQLite format 3\0" + bytes(84))
    assert "aside" not in invokeai(home)
    file.write_bytes(bytes(100))
    assert "invokeai.db.put-aside-1" in invokeai(home)
    (home / "InvokeAI" / "invokeai.yaml").write_bytes("# 雨\nport: 9090\n".encode("gbk"))
    assert "GBK" in invokeai(home)
    assert (home / "InvokeAI" / "invokeai.yaml").read_text("utf-8") == "# 雨\nport: 9090\n"


def test_models_in_folders_are_shown_to_invokeai(home: Path) -> None:
    deep = home / "Models" / "checkpoints" / "SDXL" / "人像"
    deep.mkdir(parents=True)
    (deep / "a.SAFETENSORS").touch()
    (deep / "notes.txt").touch()
    (home / "Models" / "checkpoints" / "b" / "unet").mkdir(parents=True)
    (home / "Models" / "checkpoints" / "b" / "model_index.json").touch()
    (home / "Models" / "checkpoints" / "b" / "unet" / "part.safetensors").touch()
    (home / "Models" / "checkpoints" / "again").symlink_to(home / "Models")
    (home / "Models" / "checkpoints" / os.fsdecode("雨.safetensors".encode("gbk"))).touch()
    said = invokeai(home, "furnish(); print(*[p.name for p in run.own()])")
    assert said.splitlines()[-1] == "a.SAFETENSORS b"
    assert "was not taken: rename it first" in said
