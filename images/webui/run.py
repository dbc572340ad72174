"""Runs a WebUI from its source, as `[launch]` of the setup's setup.toml tells.

The source is read-only and the same for everybody. What belongs to one person lies in
~/.webui/<setup>: the WebUI's settings and caches, and links to the models (shared ones, and those
in ~/Models), to the extensions, and to ~/Outputs. What the person changed stays changed: a default
is only written where the file still says what we wrote there last. Nothing of theirs keeps it from
starting: what it could not read is put aside (own_files), what cannot be furnished is left.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from own_files import check, make_folder

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
        return tomllib.loads((folder / "setup.toml").read_text(encoding="utf-8-sig"))
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
            attempt(make_folder, folder)
        for kind, place in self.launch.get("models", {}).items():
            attempt(link, self.folder / place / "shared", SHARED_MODELS / KINDS[kind])
            attempt(link, self.folder / place / "own", HOME / "Models" / KINDS[kind])
        if place := self.launch.get("outputs"):
            attempt(link, self.folder / place, self.outputs)
        if place := self.launch.get("extensions"):
            attempt(link_all, self.folder / place, extensions())
        if (place := self.launch.get("workflows")) and CREATOR:
            creator = str(self.layer.get("creator") or "creator").replace("/", "-")
            attempt(link, self.folder / place / creator, Path(CREATOR, "workflows"))
        for place, kind in self.own_files().items():
            check(self.folder / place, kind)
        attempt(self.write_defaults)
        if place := self.launch.get("samples"):
            attempt(self.write_samples, self.folder / place)

    def own_files(self) -> dict[str, str]:
        """The person's, which it reads at every start, and what each has to be."""
        found = {GIVEN: "json"} | dict.fromkeys(self.launch.get("defaults", {}), "json")
        if place := self.launch.get("samples"):
            found[place] = "csv"
        return found | self.launch.get("own_files", {})

    def write_defaults(self) -> None:
        """The setup's settings into the WebUI's own files, wherever nobody said otherwise."""
        settings = self.said.get("settings", {}) | self.layer.get("settings", {})
        given = read_json(self.folder / GIVEN)
        for name, keys in self.launch.get("defaults", {}).items():
            file = self.folder / name
            there, ours = read_json(file), given.get(name)
            ours = ours if isinstance(ours, dict) else {}
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


def attempt(step: Callable[..., None], *about: Any) -> None:
    """A full disk, or something in the way: the WebUI is started all the same."""
    try:
        step(*about)
    except (OSError, ValueError, csv.Error) as error:
        print(f"left as it is: {error}", flush=True)  # noqa: T201


def extensions() -> list[Path]:
    """Of the setup and of the creator, each by its name."""
    roots = [SETUP, *([Path(CREATOR)] if CREATOR else [])]
    return [path for root in roots for path in sorted(root.glob("extensions/*"))]


def link(place: Path, target: Path) -> None:
    """What we once linked there may be something else now; what somebody put there stays."""
    make_folder(place.parent)
    if place.is_symlink():
        place.unlink()
    if target.is_dir() and not place.exists():
        place.symlink_to(target)


def link_all(folder: Path, targets: Iterable[Path]) -> None:
    make_folder(folder)
    for place in folder.iterdir():
        # Ours lead out of the home: of this version, or of one that is gone.
        if place.is_symlink() and not place.readlink().is_relative_to(HOME):
            place.unlink()
    for target in targets:
        link(folder / target.name, target)


def read_json(file: Path) -> dict[str, Any]:
    """Of a file that was checked."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return said if isinstance(said, dict) else {}


def write_json(file: Path, said: dict[str, Any]) -> None:
    try:
        text = json.dumps(said, indent=4, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # half a character, cut off by whoever wrote it
        text = json.dumps(said, indent=4)
    replace(file, text, encoding="utf-8")


def replace(file: Path, text: str, encoding: str) -> None:
    """Whole or not at all; of a link, what it leads to."""
    file = Path(os.path.realpath(file))
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
