"""Prepares one setup: the same steps in a container's build and on one machine.

    python3 -m images.install FOLDER TARGET [--envs FOLDER] [--source FOLDER-OR-ARCHIVE]
                              [--extensions FOLDER]

Standard library only, since it also runs inside a bare container. What is cut short goes on where
it stopped: nothing appears under its final name before it is whole.

A prepared setup is a folder with the recipe's files, whatever its steps made, and `env`, a link to
an environment that all setups with the same requirements share.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from images import recipes, sources
from images.folders import Place
from images.recipes import Recipe, RecipeError

INSTALLED = "installed.json"
# So many packages at a time: few enough that one sees it move, and uv fetches them side by side.
AT_ONCE = 6
SAID_LAST = 3000

# what is being done ("packages", "compile", "steps"), how much of it is done, and of how much
Tell = Callable[[str, int, int], None]


class InstallFailed(Exception):
    """A step did not do what it should; says which, and what was said last."""


@dataclass(frozen=True)
class Given:
    """What whoever prepares has to bring: nothing of it is ever fetched."""

    source: Path | None = None  # folder or archive of the WebUI's source
    extensions: Path | None = None  # a folder with one folder or archive each, by name


NOTHING = Given()


def environment_name(requirements: Path) -> str:
    """Same requirements and Python, same environment."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(version.encode() + requirements.read_bytes()).hexdigest()
    return f"env-{digest[:16]}"


def install(
    recipe: Recipe,
    target: Path,
    *,
    envs: Path,
    given: Given = NOTHING,
    base: str = "",
    tell: Tell,
) -> None:
    """Afterwards `target` is there and whole. InstallFailed, sources.SourceRefused.

    `base` is the name of the prepared setup below this one, to be written down.
    """
    if (target / INSTALLED).exists():
        return
    part = target.with_name(target.name + ".part")
    recipes.copy(recipe, part)
    if recipe.source is not None:
        sources.place(recipe.source, given.source, part / "source", recipe.parts)
    sources.place_each(recipe.extensions, given.extensions, part / "extensions")
    python = Path(sys.base_prefix, "bin", "python3")
    if recipe.requirements is not None:
        name = environment_name(recipe.requirements)
        _environment(recipe.requirements, envs / name, tell)
        link = part / "env"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(envs / name, target))
        python = envs / name / "bin" / "python"
    for number, step in enumerate(recipe.steps):
        tell("steps", number, len(recipe.steps))
        _run(str(python), str(part / step), cwd=part, PYTHONPATH=str(part))
    for folder in (part / "source", part / "extensions"):
        if folder.is_dir():
            _compile(python, folder)
    _readable(part)
    about = {"setup": recipe.slug, "version": recipe.version, "base": base}
    (part / INSTALLED).write_text(json.dumps(about))
    part.rename(target)


def _environment(requirements: Path, place: Path, tell: Tell) -> None:
    """Python packages exactly as listed, with bytecode: nothing may be written where it runs."""
    if place.exists():
        return
    part = place.with_name(place.name + ".part")
    done = part / "installed.txt"
    if not (part / "bin" / "python").exists():
        _make_venv(part)
    chunks = list(_chunks(requirements.read_text()))
    total = sum(len(chunk) for chunk in chunks)
    finished = set(done.read_text().split()) if done.exists() else set()
    count = 0
    for chunk in chunks:
        text = "".join(chunk)
        mark = hashlib.sha256(text.encode()).hexdigest()
        if mark not in finished:
            tell("packages", count, total)
            listed = part / "now.txt"
            listed.write_text(text)
            _install_packages(part / "bin" / "python", listed)
            with done.open("a") as file:
                file.write(f"{mark}\n")
        count += len(chunk)
    tell("compile", 0, 1)
    _compile(part / "bin" / "python", part / "lib")
    (part / "now.txt").unlink(missing_ok=True)
    _readable(part)
    part.rename(place)


def _compile(python: Path, folder: Path) -> None:
    """Where it runs nothing may be written. Some files are for other Pythons and never compile."""
    subprocess.run(
        [str(python), "-m", "compileall", "-q", "-j", "0", str(folder)],
        capture_output=True,
        check=False,
        env=_clean(),
    )


def _make_venv(place: Path) -> None:
    python = str(Path(sys.base_prefix, "bin", "python3"))
    if uv := _uv():
        _run(uv, "venv", "-q", "--clear", "--no-project", "--python", python, str(place))
    else:
        _run(python, "-m", "venv", "--clear", str(place))


def _install_packages(python: Path, listed: Path) -> None:
    options = ["--no-deps", "--require-hashes", "-r", str(listed)]
    # A nearer copy of the package index; hashes make it as good as any other.
    index = os.environ.get("ATELIER_PYTHON_INDEX", "")
    if uv := _uv():
        options += ["--default-index", index] if index else []
        _run(uv, "pip", "install", "-q", "--python", str(python), *options)
    else:
        options += ["--index-url", index] if index else []
        _run(str(python), "-m", "pip", "install", "-q", "--no-compile", *options)


def _uv() -> str:
    """Ten times as fast as pip: beside our Python, or where a build put it; empty without."""
    beside = Path(sys.executable).with_name("uv")
    named = os.environ.get("ATELIER_UV", "")
    return named or (str(beside) if beside.exists() else shutil.which("uv") or "")


def _chunks(requirements: str) -> Iterator[list[str]]:
    """The listed packages, some at a time; a package's lines are joined by backslashes."""
    joined = re.sub(r"\\\n\s*", " ", requirements)
    lines = [f"{line}\n" for line in joined.splitlines() if line and not line.startswith("#")]
    for first in range(0, len(lines), AT_ONCE):
        yield lines[first : first + AT_ONCE]


def _run(*command: str, cwd: Path | None = None, **more: str) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=_clean() | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        # Whoever goes on after we were killed must not find it still at work.
        preexec_fn=_die_with_parent,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-SAID_LAST:].strip()
        raise InstallFailed(f"{Path(command[0]).name} ended with {done.returncode}: {said}")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _clean() -> dict[str, str]:
    """Ours, without what would lead another Python astray."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV", "UV_LINK_MODE")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    # Hard links from uv's own store where the file system allows, so nothing lies there twice.
    return kept | {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def _readable(folder: Path) -> None:
    """For whoever runs it, who is not who made it."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            wanted = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
            if wanted != mode:
                path.chmod(wanted)


def add_given(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, help="folder or archive of the WebUI's source")
    parser.add_argument("--extensions", type=Path, help="folder of the extensions, by their names")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m images.install", description=__doc__)
    parser.add_argument("folder", type=Path, help="the recipe: a folder with a setup.toml")
    parser.add_argument("target", type=Path, help="where the prepared setup shall be")
    parser.add_argument("--envs", type=Path, help="where environments are kept; beside TARGET")
    add_given(parser)
    options = parser.parse_args()

    def tell(what: str, done: int, total: int) -> None:
        print(f"{what} {done} of {total}", flush=True)  # noqa: T201

    envs = options.envs or options.target.parent
    try:
        place = Place(options.folder.resolve().name, options.folder / "setup.toml", options.folder)
        given = Given(options.source, options.extensions)
        install(recipes.read(place), options.target, envs=envs, given=given, tell=tell)
    except (InstallFailed, RecipeError, sources.SourceRefused) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
