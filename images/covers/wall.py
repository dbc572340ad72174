"""The wall behind a desktop's windows: hillsides of paper one behind the other, a line of ink.

Quiet on purpose: icons stand on the upper left, windows over all of it.
"""

from __future__ import annotations

import numpy as np

from images.covers.brushes import (
    HIGH,
    Field,
    clouds,
    grain,
    grid,
    ink,
    mix,
    ramp,
    ridge,
    soft,
    step,
)

KEPT = (1920, 1200)
CROP = (1800, 1125)  # of what is painted, from the top

# Where each hillside begins, how rough it is, and its paper: the nearer the darker.
HILLS = [
    (0.520, 0.10, 3, "#EFEADF"),
    (0.585, 0.11, 2, "#E9E3D6"),
    (0.655, 0.12, 3, "#E1DACB"),
    (0.725, 0.10, 2, "#D8D0BF"),
]
LINED = 2  # the hillside whose edge is drawn


def wallpaper() -> Field:
    """Early light over folded paper."""
    x, y = grid()
    fibre = clouds(301, cells=30, octaves=4) - 0.5
    picture = ramp(y, [(0, "#F4F0E8"), (0.35, "#F6F2EA"), (0.6, "#F1ECE1")])
    away = np.hypot(x - 1.02, y - 0.40)
    picture = mix(picture, ink("#FBF8F1"), 0.8 * np.exp(-((away / 0.26) ** 2)))
    picture = mix(picture, ink("#FDFBF6"), 1 - step(away, 0.075, 0.003))
    for n, (top, rough, cells, paper) in enumerate(HILLS):
        edge = top + rough * _smooth(ridge(310 + n, cells=cells, octaves=4, falloff=0.38))
        below = y - edge
        shade = np.exp(-np.clip(-below, 0, None) / 0.012) * (below < 0)
        picture = mix(picture, ink("#B9AE9A"), 0.16 * shade)  # what the paper in front throws
        tone = ink(paper) + 0.035 * np.clip(1 - below / 0.16, 0, 1)[..., None]
        picture = mix(picture, np.broadcast_to(tone, picture.shape), step(y, edge, 1.6 / HIGH))
        if n == LINED:
            line = np.clip(1.7 - np.abs(below) * HIGH, 0, 1)
            picture = mix(picture, ink("#2237C3"), 0.85 * line)
    return grain(picture + 0.010 * fibre[..., None], 309, 0.004)


def _smooth(line: Field) -> Field:
    return soft(line[None, :], 14)[0]
