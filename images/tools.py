"""What builds images here: buildah, podman or docker, and where its layers are kept."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUILDERS = ("buildah", "podman", "docker")  # in this order
_AUTHORITY_INSIDE = "/run/host-authority.crt"
_UV_INSIDE, _UV_CACHE_INSIDE = "/run/uv", "/var/cache/uv"
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


@dataclass(frozen=True)
class Builder:
    name: str

    def build(
        self,
        containerfile: Path,
        *,
        context: Path,
        tag: str,
        arguments: dict[str, str],
        labels: dict[str, str],
        contexts: dict[str, Path],
        fresh: bool,
    ) -> None:
        """BuildFailed."""
        words = ["--file", str(containerfile), "--tag", tag]
        if self.name == "docker":
            words = ["buildx", "build", "--load", *words]
        else:
            # No namespaces to be had in many places where builds run; no registry to be asked.
            words = [
                *(["bud", "--layers"] if self.name == "buildah" else ["build", "--layers"]),
                *("--isolation", "chroot", "--network", "host", "--pull-never"),
                *("--ignorefile", str(containerfile) + ".dockerignore", *_borrowed(), *words),
            ]
        for key, value in arguments.items():
            words += ["--build-arg", f"{key}={value}"]
        for key, value in labels.items():
            words += ["--label", f"{key}={value}"]
        for key, folder in contexts.items():
            words += ["--build-context", f"{key}={folder}"]
        self.run(*words, *(["--no-cache"] if fresh else []), str(context))

    def has(self, image: str) -> bool:
        return run(self.name, *self._inspect("{{.}}"), image).returncode == 0

    def id(self, image: str) -> str:
        template = "{{.FromImageID}}" if self.name == "buildah" else "{{.Id}}"
        return self.run(*self._inspect(template), image).strip().removeprefix("sha256:")

    def save(self, image: str, path: Path) -> None:
        """As a docker archive, under its name, which `ctr images import` reads."""
        if self.name == "buildah":
            self.run("push", "--quiet", image, f"docker-archive:{path}:{image}")
        else:
            self.run("save", "--output", str(path), image)

    def run(self, *words: str) -> str:
        done = run(self.name, *words)
        must(f"{self.name} {words[0]}", done)
        return done.stdout

    def _inspect(self, template: str) -> list[str]:
        kind = ["inspect", "--type", "image"]
        return [*kind, "--format", template]


def builder() -> Builder:
    """The first there is. Unavailable."""
    wanted = os.environ.get("ATELIER_BUILDER", "")
    for name in [wanted] if wanted else BUILDERS:
        if shutil.which(name):
            return Builder(name)
    raise Unavailable(f"building images takes {wanted or ' or '.join(BUILDERS)}")


def trust() -> dict[str, str]:
    """Where this machine trusts an authority of its own, what runs in a build shall do so too."""
    return {
        name: _AUTHORITY_INSIDE
        for name in ("PIP_CERT", "SSL_CERT_FILE")
        if _authority() is not None
    }


def near() -> dict[str, str]:
    """What makes fetching Python packages faster: uv, its cache, an index of one's own."""
    found = {}
    if _uv() is not None:
        found |= {"ATELIER_UV": _UV_INSIDE, "UV_CACHE_DIR": _UV_CACHE_INSIDE}
    if index := os.environ.get("ATELIER_PYTHON_INDEX"):
        found["ATELIER_PYTHON_INDEX"] = index
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Ends when we do; its store is ours alone."""
    cache().mkdir(parents=True, exist_ok=True)
    settings = cache() / "storage.conf"
    settings.write_text(_STORAGE.format(folder=cache()))
    return subprocess.run(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        env=os.environ | {"CONTAINERS_STORAGE_CONF": str(settings), "TMPDIR": str(scratch())},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def scratch() -> Path:
    """For gigabytes that are needed for minutes."""
    place = cache() / "scratch"
    place.mkdir(parents=True, exist_ok=True)
    return place


def must(what: str, done: subprocess.CompletedProcess[str]) -> None:
    """BuildFailed unless it did."""
    if done.returncode:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
        raise BuildFailed(f"{what} ended with {done.returncode}:\n{said}")


@contextmanager
def locked() -> Iterator[None]:
    """One build at a time."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "build.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel lets go of it when we die
        shutil.rmtree(scratch(), ignore_errors=True)  # of a build that was cut short
        yield


def _borrowed() -> list[str]:
    """Of this machine, for the time of the build: nothing of it stays in the image."""
    words: list[str] = []
    if (authority := _authority()) is not None:
        words += ["--volume", f"{authority}:{_AUTHORITY_INSIDE}:ro"]
    if (uv := _uv()) is not None:
        store = cache().parent / "uv"
        store.mkdir(parents=True, exist_ok=True)
        words += ["--volume", f"{uv}:{_UV_INSIDE}:ro", "--volume", f"{store}:{_UV_CACHE_INSIDE}"]
    return words


def _authority() -> Path | None:
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    return Path(named) if named and Path(named).is_file() else None


def _uv() -> Path | None:
    """A single file without libraries of its own, so it runs in there as well."""
    if builder().name == "docker":
        return None  # cannot lend files of this machine to a build
    beside = Path(sys.executable).with_name("uv")
    found = beside if beside.exists() else shutil.which("uv")
    return Path(found).resolve() if found else None
