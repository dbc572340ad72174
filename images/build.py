"""Builds the container image of a desktop with one setup: `python -m images.build blank`.

Needs root, buildah and mmdebstrap, Debian's packages and the Python package index; no registry of
images. What was built stays in the user's cache folder, so a second build takes seconds.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DESKTOP = ROOT / "images" / "desktop"
NEEDED = ("buildah", "mmdebstrap")
SPARED_S = 3600.0  # so long another checkout may still read the archive that it has made
_AUTHORITY_INSIDE = "/run/host-authority.crt"
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/layers"
runroot = "{folder}/run"
"""


class Unavailable(Exception):
    """This machine lacks what building takes; says what."""


class BuildFailed(Exception):
    """It has all it takes, and yet; ends with what was said last."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "atelier" / "images"


def name_of(setup: str, registry: str = "localhost/atelier") -> str:
    """What the platform calls the image of a setup: <registry>/<setup>:<version>."""
    file = ROOT / "images" / setup / "setup.toml"
    if not file.is_file():
        raise BuildFailed(f"there is no setup {setup!r}: {file} is missing")
    return f"{registry}/{setup}:{tomllib.loads(file.read_text())['version']}"


def build(setup: str, *, name: str = "", fresh: bool = False) -> str:
    """Its name, once it lies in our own store. Unavailable, BuildFailed."""
    name = name or name_of(setup)
    _check()
    with _locked(cache() / "build.lock"):
        base = _base(fresh=fresh)
        version = name.rpartition(":")[2]
        words = [
            *("--layers", "--isolation", "chroot", "--network", "host", "--pull-never"),
            *("--file", str(DESKTOP / "Containerfile"), "--build-arg", f"BASE={base}"),
            *("--build-arg", f"SETUP={setup}", *_trust()),
            *("--ignorefile", str(DESKTOP / "Containerfile.ignore")),
            *("--label", f"org.opencontainers.image.version={version}"),
            *(("--no-cache",) if fresh else ()),
        ]
        _buildah("bud", *words, "--tag", name, str(ROOT))
    return name


def save(name: str, path: Path) -> None:
    """The image as a docker archive, under its name, which `ctr images import` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cache() / "build.lock"):
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        _buildah("push", "--quiet", name, f"docker-archive:{draft}:{name}")
        draft.rename(path)


def archive(setup: str, *, name: str = "") -> Path:
    """Built and saved in the cache folder, unless this very image lies there already."""
    name = build(setup, name=name)
    id = _buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", name).strip()
    label = hashlib.sha256(name.encode()).hexdigest()[:8]
    path = cache() / f"{setup}-{label}-{id[:16]}.tar"
    if not path.exists():
        for old in cache().glob(f"{setup}-{label}-*.tar"):
            if old.stat().st_mtime < time.time() - SPARED_S:
                old.unlink()
        save(name, path)
    return path


def _check() -> None:
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise Unavailable(f"building desktop images takes {' and '.join(missing)}")
    if os.geteuid() != 0:
        raise Unavailable("building desktop images takes root")


def _base(*, fresh: bool) -> str:
    """A small Debian in our store, made of packages."""
    recipe = DESKTOP / "base.sh"
    name = f"localhost/atelier-base:{hashlib.sha256(recipe.read_bytes()).hexdigest()[:16]}"
    if not fresh and _run("buildah", "inspect", "--type", "image", name).returncode == 0:
        return name
    tar = cache() / "base.tar"
    try:
        _must("base.sh", _run(str(recipe), str(tar)))
        container = _buildah("from", "scratch").strip()
        try:
            _buildah("add", "--quiet", container, str(tar), "/")
            _buildah("config", "--cmd", "bash", container)
            _buildah("commit", "--quiet", container, name)
        finally:
            _run("buildah", "rm", container)
    finally:
        tar.unlink(missing_ok=True)
    return name


def _trust() -> list[str]:
    """Where this machine trusts an authority of its own, pip in there shall do so too."""
    authority = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    if not authority or not Path(authority).is_file():
        return []
    inside = _AUTHORITY_INSIDE
    return ["--volume", f"{authority}:{inside}:ro", "--build-arg", f"PIP_CERT={inside}"]


def _buildah(*words: str) -> str:
    done = _run("buildah", *words)
    _must(f"buildah {words[0]}", done)
    return done.stdout


def _must(what: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
        raise BuildFailed(f"{what} ended with {done.returncode}:\n{said}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Ends when we do; its store is ours alone."""
    cache().mkdir(parents=True, exist_ok=True)
    settings = cache() / "storage.conf"
    settings.write_text(_STORAGE.format(folder=cache()))
    return subprocess.run(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        env=os.environ | {"CONTAINERS_STORAGE_CONF": str(settings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel lets go of it when we die
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m images.build", description=__doc__)
    parser.add_argument("setup", help="a folder of images/ with a setup.toml, such as blank")
    parser.add_argument("--name", default="", help="REGISTRY/SETUP:VERSION of the image")
    parser.add_argument("--out", type=Path, help="save it there, for `ctr images import`")
    parser.add_argument("--fresh", action="store_true", help="take nothing from the cache")
    options = parser.parse_args()
    try:
        name = build(options.setup, name=options.name, fresh=options.fresh)
        if options.out:
            save(name, options.out)
    except (Unavailable, BuildFailed) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(name)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
