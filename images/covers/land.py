"""Landscapes: mountain ink, clear day, night train."""

from __future__ import annotations

import numpy as np

from images.covers.brushes import (
    HIGH,
    WIDE,
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


def _peak(centre: float, wide: float, tall: float, sharp: float = 1.5) -> Field:
    x = np.linspace(0, WIDE / HIGH, WIDE, dtype=np.float32)
    return tall * np.exp(-((np.abs(x - centre) / wide) ** sharp))


def mountain_ink() -> Field:
    """Ridges in five washes, mist between them, a red sun."""
    x, y = grid()
    paper = clouds(11, cells=3, octaves=7, falloff=0.62)
    picture = ramp(
        0.8 * y + 0.5 * (paper - 0.5), [(0, "#EFE6D2"), (0.6, "#E9DFC9"), (1, "#DDD2BC")]
    )
    sun = np.hypot(x - 0.93, y - 0.27)
    disc = 1 - step(sun, 0.088 + 0.006 * (paper - 0.5), 0.006)
    picture = mix(picture, ink("#CF4A37"), disc * (0.86 + 0.3 * (paper - 0.5)))
    picture = mix(picture, ink("#E9D9BE"), 0.25 * np.exp(-((sun / 0.2) ** 2)) * (1 - disc))
    streaks = clouds(17, cells=2, octaves=8, falloff=0.68)
    layers: list[tuple[float, Field, float, str, int]] = [
        (0.60, _peak(0.1, 0.25, 0.12) + _peak(1.3, 0.3, 0.16), 0.30, "#8D948F", 21),
        (0.72, _peak(0.36, 0.2, 0.17) + _peak(1.05, 0.17, 0.12), 0.46, "#6F7A78", 22),
        (0.83, _peak(0.80, 0.17, 0.47, 1.25) + _peak(0.63, 0.08, 0.16, 1.6), 0.74, "#46525A", 23),
        (0.90, _peak(0.27, 0.2, 0.29, 1.4) + _peak(1.25, 0.2, 0.14), 0.84, "#333F48", 24),
        (
            1.02,
            _peak(0.62, 0.34, 0.17) + _peak(1.2, 0.22, 0.2) + _peak(0.0, 0.2, 0.15),
            0.97,
            "#171C22",
            25,
        ),
    ]
    for base, shape, strength, colour, seed in layers:
        sky = base - shape - ridge(seed, cells=7, falloff=0.52) * (0.03 + 0.10 * shape / 0.3)
        depth = y - sky[None, :]
        inside = step(depth, 0.0, 0.004)
        wash = np.exp(-np.clip(depth, 0, None) / (0.16 + 0.14 * strength))
        edge = np.exp(-np.clip(depth, 0, None) / 0.012)
        dark = strength * (0.18 + 0.82 * wash) * (0.78 + 0.55 * (streaks - 0.4)) + 0.10 * edge
        if seed == 25:
            dark = 0.92 + 0.2 * (streaks - 0.5)
        picture = mix(picture, ink(colour), inside * np.clip(dark, 0, 0.97))
        mist = np.exp(-(((y - base - 0.05) / 0.07) ** 2)) * (paper - 0.15)
        picture = mix(picture, ink("#E6DDC9"), np.clip(0.55 * mist, 0, 0.6) * (seed < 25))
    picture = _birds(picture, x, y)
    return grain(picture, 19, 0.022)


def _birds(picture: Field, x: Field, y: Field) -> Field:
    flock = [
        (0.42, 0.25, 1.0),
        (0.47, 0.225, 0.8),
        (0.5, 0.262, 0.75),
        (0.36, 0.278, 0.7),
        (0.545, 0.24, 0.6),
    ]
    for cx, cy, size in flock:
        u = (x - cx) / (0.02 * size)
        wing = (
            cy
            + 0.007 * size * (1 - np.sqrt(np.clip(1 - (np.abs(u) - 0.5) ** 2 * 4, 0, 1)))
            + 0.002 * np.abs(u)
        )
        stroke = np.exp(-(((y - wing) / (0.0016 * size)) ** 2)) * (np.abs(u) < 1)
        picture = mix(picture, ink("#2A2F33"), 0.85 * stroke)
    return picture


def clear_day() -> Field:
    """Cumulus over the sea at noon, in flat tones."""
    x, y = grid()
    picture = ramp(
        y, [(0, "#1C63C8"), (0.35, "#3F8EE4"), (0.62, "#8CC4F2"), (0.8, "#DDF0F7"), (1, "#EAF5F5")]
    )
    chance = np.random.default_rng(31)
    veil = clouds(36, cells=2, octaves=6)
    cirrus = step(clouds(37, cells=3, octaves=6, falloff=0.6), 0.60, 0.2) * np.exp(
        -(((y - 0.2) / 0.12) ** 2)
    )
    picture = mix(picture, ink("#DCEBFA"), 0.35 * cirrus)
    banks = [
        (0.10, 0.84, 0.16, 0.19, 0.75),
        (0.42, 0.86, 0.20, 0.16, 0.7),
        (1.30, 0.85, 0.2, 0.18, 0.75),
        (0.92, 0.86, 0.24, 0.37, 1.0),
        (0.22, 0.88, 0.2, 0.16, 0.95),
        (0.62, 0.89, 0.22, 0.13, 0.9),
        (1.22, 0.88, 0.18, 0.17, 1.0),
    ]
    for cx, base, wide, tall, near in banks:
        puffs = []
        for _ in range(46):
            u = float(chance.normal(0, 0.52))
            up = float(chance.random()) ** 1.1 * float(np.exp(-(u**2) * 1.5))
            size = (0.030 + 0.055 * (1 - up) * float(chance.random()) + 0.012) * (
                0.7 + 0.5 * wide / 0.24
            )
            puffs.append((cx + u * wide, base - up * tall, size))
        picture = _cumulus(picture, (x, y), puffs, bank=(base, tall, near), veil=veil)
    picture = _sea(picture, x, y)
    return grain(picture, 39, 0.008)


def _cumulus(
    picture: Field,
    at: tuple[Field, Field],
    puffs: list[tuple[float, float, float]],
    *,
    bank: tuple[float, float, float],
    veil: Field,
) -> Field:
    (x, y), (base, tall, near) = at, bank
    for cx, cy, size in sorted(puffs, key=lambda puff: puff[1]):
        dx, dy = (x - cx) / size, (y - cy) / size
        round_ = np.hypot(dx, dy) + 0.12 * (veil - 0.5)
        inside = 1 - step(round_, 1.0, 0.05)
        if not inside.any():
            continue
        height = np.clip((base - y) / tall, 0, 1)
        shade = step(dx * 0.75 + dy * 0.75, -0.02 + 0.45 * (height - 0.45), 0.22)
        tone = mix(np.broadcast_to(ink("#FFFEFA"), picture.shape), ink("#F8D3BD"), 0.9 * shade)
        core = step(dx * 0.75 + dy * 0.75, 0.52 + 0.4 * (height - 0.3), 0.35)
        tone = mix(tone, ink("#C9C3DA"), 0.6 * core)
        tone = mix(tone, ink("#CFE5F3"), np.clip(1 - near, 0, 1) * 1.3)
        fade = np.clip((base + 0.03 - y) / 0.07, 0, 1)
        picture = mix(picture, tone, inside * fade)
    return picture


def _sea(picture: Field, x: Field, y: Field) -> Field:
    shore = 0.865
    water = ramp((y - shore) / (1 - shore), [(0, "#7FC3DF"), (0.15, "#3C93C9"), (1, "#14569C")])
    depth = np.clip((y - shore) / (1 - shore), 0.01, 1)
    waves = clouds(41, cells=3, octaves=3)
    rows = np.sin(60 / (depth + 0.12) + 9 * waves + 6 * np.sin(x * 5))
    glints = step(rows, 0.86, 0.1) * step(clouds(43, cells=9, octaves=4), 0.55, 0.06)
    water = mix(water, ink("#EAF7FC"), 0.9 * glints)
    return mix(picture, water, step(y, shore, 0.003))


def night_train() -> Field:
    """Dusk through a windscreen: the sun goes, the lights stay."""
    x, y = grid()
    horizon = 0.63
    picture = ramp(
        y / horizon,
        [(0, "#06141C"), (0.45, "#0F3238"), (0.72, "#2E5B54"), (0.88, "#C97B4A"), (1, "#F2A65A")],
    )
    stars = np.random.default_rng(51).random((HIGH // 3, WIDE // 3)) > 0.9988
    glow = soft(np.kron(stars, np.ones((3, 3)))[:HIGH, :WIDE].astype(np.float32), 1.0)
    picture = picture + (glow * np.clip(0.5 - y, 0, 1) * 1.8)[..., None]
    far = np.hypot(x - 0.667, (y - 0.56))
    picture = picture + np.exp(-((far / 0.34) ** 2))[..., None] * ink("#E0793A") * 0.35
    disc = 1 - step(far, 0.165, 0.003)
    sun = ramp((y - 0.39) / 0.26, [(0, "#FFE3A6"), (0.6, "#FFC27A"), (1, "#F58A52")])
    bars = np.sin((y - 0.47) * 190 * (1 + 0.6 * (y - 0.47)))
    picture = mix(
        picture, sun, disc * np.clip(1 - step(bars, 0.80, 0.15) * step(y, 0.52, 0.01), 0, 1)
    )
    for base, rough, colour, seed in [(0.60, 0.085, "#17393D", 52), (0.625, 0.06, "#0A1F26", 53)]:
        sky = base - np.abs(ridge(seed, cells=6, falloff=0.5)) * rough * 2
        picture = mix(picture, ink(colour), step(y - sky[None, :], 0, 0.003))
    return grain(_road(picture, x, y, horizon), 59, 0.012)


def _road(picture: Field, x: Field, y: Field, horizon: float) -> Field:
    depth = np.clip(y - horizon, 1e-4, None)
    ground = step(y, horizon + 0.004, 0.004)
    across = (x - 0.667) / depth
    field = ramp(depth / 0.37, [(0, "#10282C"), (1, "#050B10")])
    asphalt = ramp(depth / 0.37, [(0, "#2B3A3B"), (1, "#0B1318")])
    field = mix(field, asphalt, 1 - step(np.abs(across), 1.55, 0.03))
    fade = np.clip(depth / 0.02, 0, 1) * np.clip(1.25 - depth / 0.5, 0, 1)
    for place, wide, colour, strong in [
        (-1.50, 0.020, "#F3C98B", 0.9),
        (1.50, 0.020, "#F3C98B", 0.9),
        (-0.62, 0.07, "#FFE9B8", 0.75),
        (-0.42, 0.05, "#FFF3D6", 0.7),
        (0.55, 0.06, "#E8543A", 0.8),
        (0.82, 0.035, "#F07A4A", 0.65),
        (-0.95, 0.03, "#FFD08A", 0.55),
    ]:
        line = np.exp(-(((across - place) / wide) ** 2))
        halo = 0.25 * np.exp(-(((across - place) / (wide * 4)) ** 2))
        field = field + ((line + halo) * strong * fade)[..., None] * ink(colour)
    dash = step(np.sin(5.2 / depth), 0.2, 0.3) * np.exp(-((across / 0.022) ** 2))
    field = field + (dash * 0.55 * fade)[..., None] * ink("#F2E6C8")
    return mix(picture, field, ground)
