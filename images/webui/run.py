"""Runs a WebUI from its source, as `[launch]` of the setup's setup.toml tells.

The source is read-only and the same for everybody. What belongs to one person lies in
~/.webui/<setup>: the WebUI's settings and caches, and links to the models (shared ones, and those
in ~/Models), to the extensions, and to ~/Outputs. What the person changed stays changed: a default
is only written where the file still says what we wrote there last.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

HOME = Path(os.environ["HOME"])
SETUP = Path(os.environ["DESK_SETUP"])
CREATOR = os.environ.get("DESK_CREATOR", "")
SHARED_MODELS = Path(os.environ.get("DESK_MODELS", "/nowhere"))
NVIDIA = Path("/dev/nvidiactl")
GIVEN = ".defaults.json"  # what we wrote last, by file and key
# Folder of each kind of model, among the shared ones and in the home alike.
KINDS = {
    "checkpoint": "checkpoints",
    "lora": "loras",
    "vae": "vae",
    "embedding": "embeddings",
    "controlnet": "controlnet",
    "upscaler": "upscalers",
}
QUIET = {
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def told(folder: Path) -> dict[str, Any]:
    """What the setup.toml in this folder says."""
    import tomllib

    with suppress(OSError):
        return tomllib.loads((folder / "setup.toml").read_text(encoding="utf-8"))
    return {}


class Data:
    """The WebUI's own folder on the person's disk."""

    def __init__(self, said: dict[str, Any], layer: dict[str, Any], slug: str) -> None:
        self.launch, self.said, self.layer = said["launch"], said, layer
        self.app = said["apps"][0]
        self.folder = HOME / ".webui" / slug
        self.outputs = HOME / "Outputs" / str(self.app["title"])

    def furnish(self) -> None:
        for folder in (self.folder, self.outputs):
            folder.mkdir(parents=True, exist_ok=True)
        for kind, place in self.launch.get("models", {}).items():
            folder = self.folder / place
            folder.mkdir(parents=True, exist_ok=True)
            link(folder / "shared", SHARED_MODELS / KINDS[kind])
            link(folder / "own", HOME / "Models" / KINDS[kind])
        if place := self.launch.get("outputs"):
            link(self.folder / place, self.outputs)
        if place := self.launch.get("extensions"):
            link_all(self.folder / place, extensions())
        if (place := self.launch.get("workflows")) and CREATOR:
            creator = str(self.layer.get("creator") or "creator").replace("/", "-")
            link(self.folder / place / creator, Path(CREATOR, "workflows"))
        self.write_defaults()
        if place := self.launch.get("samples"):
            self.write_samples(self.folder / place)

    def write_defaults(self) -> None:
        """The setup's settings into the WebUI's own files, wherever nobody said otherwise."""
        settings = self.said.get("settings", {}) | self.layer.get("settings", {})
        given = read_json(self.folder / GIVEN)
        for name, keys in self.launch.get("defaults", {}).items():
            file = self.folder / name
            there, ours = read_json(file), given.get(name, {})
            for key, setting in keys.items():
                if setting not in settings:
                    continue
                if key not in there or there[key] == ours.get(key):
                    there[key] = ours[key] = settings[setting]
            given[name] = ours
            write_json(file, there)
        write_json(self.folder / GIVEN, given)

    def write_samples(self, file: Path) -> None:
        """Sample prompts, in front of the person's own."""
        samples = self.layer.get("samples") or self.said.get("samples", ())
        title = str((self.layer or self.said).get("title", {}).get("en", "")) or "Sample"
        own = []
        if file.exists():
            with file.open(encoding="utf-8-sig", newline="") as text:
                own = [row for row in csv.reader(text) if row and row[0] != "name"]
        own = [row for row in own if not row[0].startswith("★ ")]
        rows = [
            [f"★ {title} {number}", sample["prompt"], sample.get("negative", "")]
            for number, sample in enumerate(samples, 1)
        ]
        text = io.StringIO()
        csv.writer(text).writerows([["name", "prompt", "negative_prompt"], *rows, *own])
        replace(file, text.getvalue(), encoding="utf-8-sig")

    def filled(self, word: str) -> str:
        for name, value in {
            "port": str(self.app["port"]),
            "data": str(self.folder),
            "outputs": str(self.outputs),
            "setup": str(SETUP),
            "source": str(SETUP / "source"),
        }.items():
            word = word.replace(f"{{{name}}}", value)
        return word

    def run(self) -> None:
        """Becomes the WebUI."""
        words = list(self.launch["arguments"])
        words += [] if NVIDIA.exists() else self.launch.get("without_gpu", ())
        more = {key: self.filled(word) for key, word in self.launch.get("environment", {}).items()}
        os.environ.update(QUIET | more)
        os.chdir(self.folder)
        main = str(SETUP / "source" / self.launch["main"])
        command = [sys.executable, "-B", main, *map(self.filled, words)]
        print("starting:", " ".join(command), flush=True)  # noqa: T201
        os.execv(command[0], command)  # noqa: S606 - a fixed program, no shell


def extensions() -> list[Path]:
    """Of the setup and of the creator, each by its name."""
    roots = [SETUP, *([Path(CREATOR)] if CREATOR else [])]
    return [path for root in roots for path in sorted(root.glob("extensions/*"))]


def link(place: Path, target: Path) -> None:
    """What we once linked there may be something else now; what somebody put there stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    if target.is_dir() and not place.exists():
        place.symlink_to(target)


def link_all(folder: Path, targets: Iterable[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place in folder.iterdir():
        # Ours lead out of the home: of this version, or of one that is gone.
        if place.is_symlink() and not place.readlink().is_relative_to(HOME):
            place.unlink()
    for target in targets:
        link(folder / target.name, target)


def read_json(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        # The WebUI would stop at it as well; it is kept, and begun anew.
        shutil.move(file, file.with_name(file.name + ".broken"))
        return {}
    return said if isinstance(said, dict) else {}


def write_json(file: Path, said: dict[str, Any]) -> None:
    replace(file, json.dumps(said, indent=4, ensure_ascii=False), encoding="utf-8")


def replace(file: Path, text: str, encoding: str) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.write_text(text, encoding=encoding, newline="")
    draft.rename(file)


def main() -> None:
    slug = str(read_json(SETUP / "installed.json").get("setup") or SETUP.name)
    data = Data(told(SETUP), told(Path(CREATOR)) if CREATOR else {}, slug)
    data.furnish()
    data.run()


if __name__ == "__main__":
    main()
