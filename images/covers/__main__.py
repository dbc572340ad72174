"""`python -m images.covers [name …]`: draws into portal/static/covers/."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from images.covers import land, matter, press
from images.covers.brushes import KEPT

FOLDER = Path(__file__).resolve().parents[2] / "portal" / "static" / "covers"
SIZE_MAX = 120_000  # bytes
PICTURES = {
    "blank": matter.blank,
    "mountain-ink": land.mountain_ink,
    "clear-day": land.clear_day,
    "drifting-sand": matter.drifting_sand,
    "kiln": matter.kiln,
    "two-colour-press": press.two_colour_press,
    "high-ground": matter.high_ground,
    "long-lens": press.long_lens,
    "night-train": land.night_train,
}


def main(names: list[str]) -> None:
    for name in names or PICTURES:
        values = (np.clip(PICTURES[name](), 0, 1) * 255).round().astype(np.uint8)
        picture = Image.fromarray(values).resize(KEPT, Image.Resampling.LANCZOS)
        for quality in range(88, 30, -4):
            kept = io.BytesIO()
            picture.save(kept, "webp", quality=quality, method=6)
            if kept.tell() <= SIZE_MAX:
                break
        (FOLDER / f"{name}.webp").write_bytes(kept.getvalue())
        sys.stdout.write(f"{name:18} {kept.tell() / 1000:6.1f} kB, quality {quality}\n")


main(sys.argv[1:])
