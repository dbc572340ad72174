"""Pictures on disk: PNGs that say how they were made, in the words other WebUIs read too."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

KEY = "parameters"  # the text chunk in which Stable Diffusion WebUIs write it
_LINE = re.compile(r'\s*(\w[\w ]*): ("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_NEGATIVE = re.compile(r"^Negative prompt:", re.MULTILINE)
SIDES, EIGHTH = range(64, 2049), 8  # a latent is an eighth of the picture
STEPS, GUIDANCE, SEEDS = (1, 150), (0.0, 50.0), range(-1, 2**32)


@dataclass(frozen=True)
class Wish:
    """What is to be painted. `seed` −1: a new one for each."""

    prompt: str
    negative: str = ""
    model: str = ""
    width: int = 512
    height: int = 512
    steps: int = 20
    guidance: float = 7.0
    seed: int = -1

    def problem(self) -> str:
        """The name of what cannot be painted so; empty when all is well."""
        if not self.prompt.strip():
            return "prompt"
        for name in ("width", "height"):
            if getattr(self, name) not in SIDES or getattr(self, name) % EIGHTH:
                return name
        if not STEPS[0] <= self.steps <= STEPS[1]:
            return "steps"
        if not GUIDANCE[0] <= self.guidance <= GUIDANCE[1]:
            return "guidance"
        return "" if self.seed in SEEDS else "seed"

    def within(self) -> Wish:
        """The nearest that can be painted: what others wrote down may have other limits."""

        def side(wanted: int) -> int:
            return min(max(wanted, SIDES[0]), SIDES[-1]) // EIGHTH * EIGHTH

        # A number that is none (NaN) is not near anything.
        known = self.guidance == self.guidance
        return replace(
            self,
            width=side(self.width),
            height=side(self.height),
            steps=min(max(self.steps, STEPS[0]), STEPS[1]),
            guidance=min(max(self.guidance, GUIDANCE[0]), GUIDANCE[1]) if known else 7.0,
            seed=self.seed if self.seed in SEEDS else -1,
        )


def to_text(wish: Wish) -> str:
    lines = [wish.prompt.strip()]
    if wish.negative.strip():
        lines.append(f"Negative prompt: {wish.negative.strip()}")
    name = wish.model.replace("\\", "\\\\").replace('"', '\\"')
    model = f'"{name}"' if re.search(r'[,":]', wish.model) else wish.model
    lines.append(
        f"Steps: {wish.steps}, CFG scale: {wish.guidance:g}, Seed: {wish.seed}, "
        f"Size: {wish.width}x{wish.height}, Model: {model}"
    )
    return "\n".join(lines)


def from_text(text: str) -> Wish | None:
    """What such a text says; None when it says nothing of the kind.

    The words before "Negative prompt:" may be none, the line that it begins may be the first.
    """
    head, _, last = text.rstrip().rpartition("\n")
    said = {name.strip().lower(): value.strip() for name, value in _LINE.findall(last)}
    if "steps" not in said:
        return None
    prompt, *negatives = _NEGATIVE.split(head, maxsplit=1)
    wish = Wish(
        prompt=prompt.strip(),
        negative="".join(negatives).strip(),
        model=_bare(said.get("model", "")),
    )
    width, _, height = said.get("size", "").partition("x")
    for name, value, kind in (
        ("steps", said["steps"], int),
        ("guidance", said.get("cfg scale", ""), float),
        ("seed", said.get("seed", ""), int),
        ("width", width, int),
        ("height", height, int),
    ):
        try:
            wish = replace(wish, **{name: kind(value)})
        except ValueError:
            continue
    return wish.within()


def save(image: Image.Image, wish: Wish, folder: Path, *, now: datetime | None = None) -> Path:
    """Whole or not at all; never over another one. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{now or datetime.now():%Y%m%d-%H%M%S}-{wish.seed}"
    about = PngImagePlugin.PngInfo()
    about.add_itxt(KEY, to_text(wish))
    number = 0
    while True:
        path = folder / (f"{stem}.png" if not number else f"{stem}-{number}.png")
        try:
            path.touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    draft = path.with_name(f".{path.name}.new")
    try:
        image.save(draft, "PNG", pnginfo=about)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return path


def latest(folder: Path, count: int) -> list[Path]:
    """The newest first. What is not there any more, or holds nothing yet, is no picture."""
    found: list[tuple[int, Path]] = []
    with suppress(OSError):
        for path in folder.rglob("*.png"):
            with suppress(OSError, UnicodeEncodeError):
                str(path).encode()  # a page can say no other names
                if not path.name.startswith(".") and (about := path.stat()).st_size:
                    found.append((about.st_mtime_ns, path))
    return [path for _when, path in sorted(found, reverse=True)[:count]]


def made_of(path: Path) -> Wish | None:
    """How a picture was made, as it says itself."""
    try:
        with Image.open(path) as image:
            said = image.info.get(KEY)
            if said is None and isinstance(image, PngImagePlugin.PngImageFile):
                said = image.text.get(KEY)  # some write it behind the pixels
            return from_text(_utf8(said or ""))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def wish_of(said: dict[str, Any], known: Wish) -> Wish:
    """`known`, with what somebody's example or settings say instead."""
    names = {field.name for field in fields(Wish)}
    wish = replace(known, **{key: value for key, value in said.items() if key in names})
    return wish.within()


def _bare(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _utf8(said: object) -> str:
    """Pillow reads plain text chunks as Latin-1, as the standard says; many write UTF-8 there."""
    if isinstance(said, PngImagePlugin.iTXt):
        return str(said)
    with suppress(UnicodeError):
        return str(said).encode("latin-1").decode("utf-8")
    return str(said)
