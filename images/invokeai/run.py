"""Runs InvokeAI with its folder on the person's own disk, and shows it the models there are.

Its database, settings and caches lie in ~/InvokeAI, its pictures in ~/Outputs/InvokeAI. Settings
are written once, and theirs from then on.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import own_files

HOME = Path(os.environ["HOME"])
SETUP = Path(os.environ["DESK_SETUP"])
SHARED = Path(os.environ.get("DESK_MODELS", HOME / "no-shared-models"))
ROOT = HOME / "InvokeAI"
PORT = 9090
UP_WITHIN_S = 600.0
DEEPEST, MOST = 6, 2000  # folders below Models, and models in them
SETTINGS = """\
# Written once, yours from now on. https://invoke-ai.github.io/InvokeAI/configuration/
schema_version: 4.0.2
host: 127.0.0.1
port: {port}
outputs_dir: {outputs}
"""


def furnish() -> None:
    """Its folder, and the shared models under names that stay when the setup moves on."""
    settings = ROOT / "invokeai.yaml"
    own_files.check(settings, "yaml")
    own_files.check(ROOT / "databases" / "invokeai.db", "sqlite")
    if not settings.exists():
        draft = settings.with_suffix(".new")
        draft.write_text(SETTINGS.format(port=PORT, outputs=HOME / "Outputs" / "InvokeAI"))
        draft.rename(settings)
    links = ROOT / "shared"
    own_files.make_folder(links)
    for old in links.iterdir():
        if old.is_symlink():
            old.unlink()
    for model in shared():
        if not os.path.lexists(links / model.name):
            (links / model.name).symlink_to(model)


def shared() -> list[Path]:
    """Those of the setup and of the site."""
    places = [SETUP / "models" / "checkpoints", *sorted(SHARED.glob("*"))]
    return [model for place in places if place.is_dir() for model in sorted(place.iterdir())]


def own() -> list[Path]:
    """The person's: safetensors, and folders as diffusers writes them. Never a pickle."""
    found: list[Path] = []
    for folder, names, files in os.walk(HOME / "Models"):
        here, depth = Path(folder), len(Path(folder).relative_to(HOME / "Models").parts)
        if depth and "model_index.json" in files:
            found.append(here)
            names.clear()
            continue
        names[:] = [name for name in names if not name.startswith(".")] if depth < DEEPEST else []
        found += [
            here / name
            for name in files
            if depth and name.lower().endswith(".safetensors") and not name.startswith(".")
        ]
    return sorted(path for path in found if _is_text(path))[:MOST]


def _is_text(path: Path) -> bool:
    """InvokeAI is told of it in UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        print(f"{path.name!a} was not taken: rename it first", flush=True)  # noqa: T201
        return False
    return path.exists()


def ask(path: str, *, method: str = "GET", body: bytes | None = None) -> object:
    """OSError where it does not answer as it should."""
    address = f"http://127.0.0.1:{PORT}{path}"
    request = urllib.request.Request(address, data=body, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - it is our own
        return json.load(answer)


def show_models() -> None:
    """Once it is up: register in place, without copying, what it does not know yet."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline:
        try:
            known = ask("/api/v2/models/")
            break
        except (OSError, ValueError):
            time.sleep(0.5)
    else:
        return
    models = known.get("models", []) if isinstance(known, dict) else []
    paths = set()
    for model in models:
        path = str(model.get("path", ""))
        if path.startswith("/") and not Path(path).exists():  # of a version that was left
            forget(model)
        paths |= {path, os.path.realpath(path)}
    for model in [*sorted((ROOT / "shared").iterdir()), *own()]:
        if str(model) in paths or os.path.realpath(model) in paths:
            continue
        wish = urllib.parse.urlencode({"source": str(model), "inplace": "true"})
        try:
            ask(f"/api/v2/models/install?{wish}", method="POST", body=b"{}")
        except (OSError, ValueError) as error:
            print(f"{model.name} was not taken: {error}", flush=True)  # noqa: T201 - into the log


def forget(model: dict[str, object]) -> None:
    """Its row in InvokeAI's database; there is no file any more."""
    try:
        ask(f"/api/v2/models/i/{model['key']}", method="DELETE")
    except (OSError, ValueError):  # it answers with nothing, which is no JSON
        return


def beside(work: object) -> None:
    """In a process of its own that nobody need wait for."""
    if os.fork() == 0:
        if os.fork() == 0:
            try:
                work()  # type: ignore[operator]
            finally:
                os._exit(0)
        os._exit(0)
    os.wait()


def main() -> None:
    try:
        furnish()
    except OSError as error:  # a full disk, say: it may start all the same
        print(f"left as it is: {error}", flush=True)  # noqa: T201
    beside(show_models)
    os.environ.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
        PYTHONDONTWRITEBYTECODE="1",
    )
    code = "from invokeai.app.run_app import run_app; run_app()"
    os.execv(sys.executable, [sys.executable, "-P", "-c", code, "--root", str(ROOT)])  # noqa: S606


if __name__ == "__main__":
    main()
