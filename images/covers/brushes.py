"""What every picture is painted with: noise, warps, mixing, grain. Arrays are float, 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]
WIDE, HIGH = 1800, 1350  # painted larger than kept, so that edges come out smooth
KEPT = (1200, 900)


def grid() -> tuple[Field, Field]:
    """x from 0 to 4/3 and y from 0 to 1, downwards."""
    y, x = np.mgrid[0:HIGH, 0:WIDE].astype(np.float32)
    return x / HIGH, y / HIGH


def enlarge(small: Field, size: tuple[int, int] = (WIDE, HIGH)) -> Field:
    picture = Image.fromarray(small.astype(np.float32), mode="F")
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)


def clouds(seed: int, *, cells: float = 4, octaves: int = 5, falloff: float = 0.5) -> Field:
    """Fractal noise: big shapes first, each finer one weaker."""
    chance = np.random.default_rng(seed)
    total = np.zeros((HIGH, WIDE), np.float32)
    weight, sum_of_weights = 1.0, 0.0
    for octave in range(octaves):
        n = cells * 2**octave
        small = chance.random((round(n) + 3, round(n * WIDE / HIGH) + 3), dtype=np.float32)
        total += weight * enlarge(small)
        sum_of_weights += weight
        weight *= falloff
    return np.clip(total / sum_of_weights, 0, 1)


def ridge(seed: int, *, cells: float = 5, octaves: int = 7, falloff: float = 0.5) -> Field:
    """The same along one line: a skyline, one value a column, around 0."""
    chance = np.random.default_rng(seed)
    total = np.zeros(WIDE, np.float32)
    weight = 1.0
    for octave in range(octaves):
        n = round(cells * 2**octave) + 2
        points = chance.random(n, dtype=np.float32) - 0.5
        at = np.linspace(0, n - 1.001, WIDE)
        low = at.astype(int)
        part = (at - low).astype(np.float32)
        part = part * part * (3 - 2 * part) if octave < 3 else part
        total += weight * (points[low] * (1 - part) + points[low + 1] * part)
        weight *= falloff
    return total


def at(field: Field, x: Field, y: Field) -> Field:
    """The field's values elsewhere: x and y as in `grid`, mirrored at the borders."""

    def index(values: Field, size: int) -> NDArray[np.int64]:
        steps = np.abs((values * HIGH).astype(np.int64)) % (2 * size)
        return np.where(steps >= size, 2 * size - 1 - steps, steps)

    return field[index(y, HIGH), index(x, WIDE)]


def soft(picture: Field, radius: float) -> Field:
    """Blurred: three box blurs are nearly a Gaussian."""
    reach = max(1, round(radius))
    done = picture.astype(np.float32)
    for _ in range(3):
        for axis in (0, 1):
            done = _box(done, reach, axis)
    return done


def _box(picture: Field, reach: int, axis: int) -> Field:
    pad = [(0, 0)] * picture.ndim
    pad[axis] = (reach + 1, reach)
    sums = np.cumsum(np.pad(picture, pad, mode="edge"), axis=axis, dtype=np.float64)
    width = 2 * reach + 1
    size = picture.shape[axis]
    high = np.take(sums, range(width, width + size), axis=axis)
    low = np.take(sums, range(size), axis=axis)
    return ((high - low) / width).astype(np.float32)


def step(field: Field, edge: float | Field, width: float = 0.002) -> Field:
    """0 below the edge, 1 above, smooth over the width."""
    part = np.clip((field - edge) / width + 0.5, 0, 1)
    return part * part * (3 - 2 * part)


def ink(colour: str) -> Field:
    return np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)], np.float32) / 255


def mix(under: Field, over: Field, share: Field | float) -> Field:
    part = share[..., None] if isinstance(share, np.ndarray) else share
    return under * (1 - part) + over * part


def ramp(field: Field, stops: list[tuple[float, str]]) -> Field:
    """Values to colours."""
    places = [place for place, _ in stops]
    colours = np.array([ink(colour) for _, colour in stops])
    return np.dstack([np.interp(field, places, colours[:, n]) for n in range(3)]).astype(
        np.float32
    )


def grain(picture: Field, seed: int, strength: float = 0.03) -> Field:
    chance = np.random.default_rng(seed)
    size = (KEPT[1], KEPT[0])
    dust = enlarge(chance.standard_normal(size).astype(np.float32))
    return picture + strength * dust[..., None]


def lit(height: Field, strength: float = 1.0) -> Field:
    """Light from the upper left on a relief; around 0."""
    dy, dx = np.gradient(height)
    return np.clip(-(dx + dy) * strength * HIGH / 4, -1, 1)
