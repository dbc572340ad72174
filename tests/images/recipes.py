"""Small real recipes, with a wheel of our own making, so that nothing is fetched from anywhere."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

STEP = """\
import sys
from pathlib import Path

import tiny_atelier

Path("made").mkdir(exist_ok=True)
Path("made/by-step.txt").write_text(f"{tiny_atelier.WORD} {sys.prefix}")
"""


def a_wheel(folder: Path, name: str = "tiny_atelier", word: str = "hello") -> Path:
    """A package with one module, and one word in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f"WORD = {word!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def line(wheel: Path) -> str:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{wheel.name.split('-')[0]} @ file://{wheel} \\\n    --hash=sha256:{digest}\n"


def a_setup(
    images: Path,
    slug: str = "tiny",
    *,
    version: str = "1.0",
    requirements: str = "",
    steps: dict[str, str] | None = None,
    more: str = "",
) -> Path:
    """A folder with a setup.toml that the installer understands."""
    folder = images / slug
    folder.mkdir(parents=True, exist_ok=True)
    install = []
    if requirements:
        (folder / "requirements.txt").write_text(requirements)
        install.append('requirements = "requirements.txt"')
    for name, text in (steps or {}).items():
        (folder / name).write_text(text)
    if steps:
        install.append(f"steps = {list(steps)!r}")
    words = [f'version = "{version}"', more, *(["[install]", *install] if install else [])]
    (folder / "setup.toml").write_text("\n".join(words) + "\n")
    return folder
