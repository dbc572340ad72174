"""The store of shared models: each file once, known by its SHA-256, read-only, verified.

    <store>/<sha256>            a whole, verified file
    <store>/<sha256>.part       as far as its download came; goes on from there
    <store>/<sha256>.checked    size and modification time when it was verified

Standard library only. A request never waits for a download: it is the preparation of a setup, a
command, or a job on a cluster that calls `fetch`.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import reading
from images.folders import SetupError

CHUNK = 1 << 20
TRIES = 5
TIMEOUT_S = 60.0
# Folder of each kind, as WebUIs expect them.
FOLDERS = {
    "checkpoint": "checkpoints",
    "lora": "loras",
    "vae": "vae",
    "embedding": "embeddings",
    "controlnet": "controlnet",
    "upscaler": "upscalers",
}

Tell = Callable[[int, int], None]  # bytes there, bytes in all


class ModelRefused(Exception):
    """It cannot be had, or is not what the setup names. Nothing of it is served."""


@dataclass(frozen=True)
class Model:
    kind: str
    file: str  # name.safetensors, as people see it
    url: str
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, said: dict[str, Any]) -> Model:
        """From a setup's [[models]]; its shape was checked with the setup."""
        return cls(said["kind"], said["file"], said["url"], said["sha256"], said["size_bytes"])


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, model: Model) -> Path:
        return self.folder / model.sha256

    def has(self, model: Model) -> bool:
        """There, and untouched since it was verified; what was touched is verified anew."""
        path = self.path(model)
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        if self._checked(model) == [found.st_size, found.st_mtime_ns]:
            return True
        if _digest(path) == model.sha256:
            self._check_off(model)
            return True
        path.unlink()  # never served: it is not what it was
        return False

    def fetch(self, model: Model, tell: Tell = lambda _done, _total: None) -> None:
        """Afterwards it is there, whole and verified. ModelRefused."""
        if self.has(model):
            return
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = self.path(model).with_suffix(".part")
        for attempt in range(TRIES):
            try:
                _download(model, part, tell)
                break
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES - 1 or _is_final(error):
                    raise ModelRefused(f"{model.file}: {model.url}: {error}") from error
                time.sleep(min(2**attempt, 20) / 4)
        found = _digest(part)
        if found != model.sha256:
            part.unlink()
            raise ModelRefused(
                f"{model.file}: what {model.url} sent has the SHA-256 {found}, "
                f"but the setup names {model.sha256}. It was thrown away."
            )
        part.chmod(0o444)
        part.rename(self.path(model))
        self._check_off(model)

    def remove_all_but(self, kept: Iterable[Model]) -> list[str]:
        """Throw away what no setup names any longer; answers what went."""
        names = {model.sha256 for model in kept}
        gone = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name.partition(".")[0] not in names:
                path.unlink()
                gone.append(path.name)
        return gone

    def _checked(self, model: Model) -> list[int] | None:
        try:
            said = json.loads(self.path(model).with_suffix(".checked").read_text())
        except (OSError, ValueError):
            return None
        return said if isinstance(said, list) else None

    def _check_off(self, model: Model) -> None:
        found = self.path(model).stat()
        mark = json.dumps([found.st_size, found.st_mtime_ns])
        self.path(model).with_suffix(".checked").write_text(mark)


def _download(model: Model, part: Path, tell: Tell) -> None:
    """The rest of it, after what is there already. OSError, HTTPException."""
    have = part.stat().st_size if part.exists() else 0
    if have > model.size_bytes:
        part.unlink()
        have = 0
    if have == model.size_bytes:
        return
    request = urllib.request.Request(model.url, headers={"User-Agent": "atelier-models"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - schema: https
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0  # it begins anew, so we do
        with part.open("ab" if have else "wb") as file:
            while piece := answer.read(CHUNK):
                have += len(piece)
                if have > model.size_bytes:
                    raise OSError(f"sends more than the {model.size_bytes} bytes it should have")
                file.write(piece)
                tell(have, model.size_bytes)
    if have < model.size_bytes:
        raise OSError(f"ended after {have} of {model.size_bytes} bytes")


def _is_final(error: Exception) -> bool:
    """Asking again would not help."""
    return isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404, 410)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Fetch every model that the given setups name: what a job on a cluster runs."""
    parser = argparse.ArgumentParser(prog="python3 -m images.models", description=main.__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("setups", type=Path, nargs="+", help="setup.toml files")
    options = parser.parse_args()
    code = 0
    for file in options.setups:
        try:
            named = reading.toml(file).get("models", ())
        except SetupError as error:  # the others' models are wanted all the same
            print(error, file=sys.stderr)  # noqa: T201
            code = 1
            continue
        for said in named:
            model = Model.of(said)
            try:
                Store(options.store).fetch(model)
                print(f"{model.file} is there", flush=True)  # noqa: T201
            except ModelRefused as error:
                print(error, file=sys.stderr)  # noqa: T201
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
