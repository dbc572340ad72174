"""Container images of one static program, packed by hand: pause, and desktops that fail."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

SOURCE = Path(__file__).with_name("pretend.c")
PAUSE = "registry.test/pause:1"
CRASH = "registry.test/crash:1"
HOG = "registry.test/hog:1"
_WORDS = {PAUSE: "pause", CRASH: "crash", HOG: "hog"}


def pack(folder: Path) -> Path:
    """All of them as one docker archive."""
    program = folder / "pretend"
    subprocess.run(["cc", "-static", "-Os", "-s", "-o", program, SOURCE], check=True)
    layer = _tar({"pretend": program.read_bytes()}, mode=0o755)
    files, manifest = {"layer.tar": layer}, []
    for name, word in _WORDS.items():
        settings = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/pretend", word]},
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()],
            },
        }
        files[f"{word}.json"] = json.dumps(settings).encode()
        manifest.append({"Config": f"{word}.json", "RepoTags": [name], "Layers": ["layer.tar"]})
    files["manifest.json"] = json.dumps(manifest).encode()
    path = folder / "pretend.tar"
    path.write_bytes(_tar(files))
    return path


def _tar(files: dict[str, bytes], *, mode: int = 0o644) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()
