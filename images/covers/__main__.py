"""`python -m images.covers [name …]`: draws portal/static/covers/, and a desktop's wallpaper."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from images.covers import avatars, craft, land, matter, press, wall
from images.covers.brushes import KEPT, Field

FOLDER = Path(__file__).resolve().parents[2] / "portal" / "static" / "covers"
WALLPAPER = Path(__file__).resolve().parents[1] / "desktop" / "wallpaper.jpg"
SIZE_MAX = 120_000  # bytes
COVERS: dict[str, Callable[[], Field]] = {
    "blank": matter.blank,
    "mountain-ink": land.mountain_ink,
    "clear-day": land.clear_day,
    "drifting-sand": matter.drifting_sand,
    "kiln": matter.kiln,
    "two-colour-press": press.two_colour_press,
    "high-ground": matter.high_ground,
    "long-lens": press.long_lens,
    "night-train": land.night_train,
    "studio": craft.studio,
    "invokeai": craft.invokeai,
    "a1111": craft.a1111,
    "forge": craft.forge,
    "comfyui": craft.comfyui,
}
AVATARS: dict[str, Callable[[], Field]] = {
    "mo-bai": avatars.mo_bai,
    "haru-kato": avatars.haru_kato,
    "tomo-arai": avatars.tomo_arai,
    "ines-duarte": avatars.ines_duarte,
    "lu-xiaolu": avatars.lu_xiaolu,
    "petra-novak": avatars.petra_novak,
    "d-okafor": avatars.d_okafor,
    "shen-yan": avatars.shen_yan,
}
PICTURES = {name: (draw, KEPT) for name, draw in COVERS.items()} | {
    name: (draw, (avatars.KEPT_SIDE, avatars.KEPT_SIDE)) for name, draw in AVATARS.items()
}


def draw(name: str) -> bytes:
    """One picture as a WebP file; the same every time."""
    paint, size = PICTURES[name]
    values = (np.clip(paint(), 0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(values).resize(size, Image.Resampling.LANCZOS)
    for quality in range(88, 30, -4):
        kept = io.BytesIO()
        picture.save(kept, "webp", quality=quality, method=6)
        if kept.tell() <= SIZE_MAX:
            break
    return kept.getvalue()


def draw_wallpaper() -> bytes:
    """As a JPEG file, which every desktop's own library opens; the same every time."""
    values = (np.clip(wall.wallpaper(), 0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(values).crop((0, 0, *wall.CROP))
    kept = io.BytesIO()
    picture.resize(wall.KEPT, Image.Resampling.LANCZOS).save(
        kept, "jpeg", quality=86, optimize=True
    )
    return kept.getvalue()


def main(names: list[str]) -> None:
    for name in names or [*PICTURES, WALLPAPER.stem]:
        if name == WALLPAPER.stem:
            data, path = draw_wallpaper(), WALLPAPER
        else:
            data, path = draw(name), FOLDER / f"{name}.webp"
        path.write_bytes(data)
        sys.stdout.write(f"{name:18} {len(data) / 1000:6.1f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
