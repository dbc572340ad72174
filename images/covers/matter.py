"""Materials: drifting sand, kiln, high ground, and the blank canvas."""

from __future__ import annotations

import numpy as np

from images.covers.brushes import (
    HIGH,
    WIDE,
    Field,
    at,
    clouds,
    enlarge,
    grain,
    grid,
    ink,
    lit,
    mix,
    ramp,
    soft,
    step,
)


def drifting_sand() -> Field:
    """Marbled endpaper: inks combed through size, lifted with one sheet."""
    x, y = grid()
    first, second = clouds(61, cells=2.2, octaves=3), clouds(62, cells=2.2, octaves=3)
    third, fourth = clouds(63, cells=4, octaves=2), clouds(64, cells=4, octaves=2)
    u = x + 0.95 * (first - 0.5) + 0.12 * np.sin(9 * y + 5 * second)
    v = y + 0.95 * (second - 0.5) + 0.10 * np.sin(8 * x + 4 * first)
    u, v = (
        u + 0.35 * (at(third, np.abs(u), np.abs(v)) - 0.5),
        v + 0.35 * (at(fourth, np.abs(v), np.abs(u)) - 0.5),
    )
    base = soft(at(clouds(65, cells=3, octaves=3, falloff=0.4), np.abs(u), np.abs(v)), 3)
    low, high = np.quantile(base, [0.02, 0.98])
    wave = (np.clip((base - low) / (high - low), 0, 1) * 13.0) % 13
    inks = [
        "#F3EAD3",
        "#12303B",
        "#F0E4C8",
        "#C79A35",
        "#F3EAD3",
        "#9F2B2E",
        "#10262F",
        "#EFE3C7",
        "#1F7A7A",
        "#F3EAD3",
        "#13313C",
        "#C9A24A",
        "#F4ECD8",
        "#A5322F",
    ]
    picture = np.broadcast_to(ink(inks[0]), (HIGH, WIDE, 3))
    width = 0.9 * np.hypot(*np.gradient(wave)) * 2 + 0.02
    for n, colour in enumerate(inks[1:], start=1):
        edge = n - 0.42 + 0.26 * np.sin(n * 2.3)
        picture = mix(picture, ink(colour), np.clip((wave - edge) / width + 0.5, 0, 1))
    veins = soft(np.abs(np.sin(np.pi * wave)), 2)
    picture = picture * (1 + 0.10 * lit(soft(veins, 4), 0.5))[..., None]
    picture = picture * (0.97 + 0.06 * clouds(66, cells=30, octaves=3))[..., None]
    return grain(picture, 69, 0.014)


def kiln() -> Field:
    """Glazed shards set by hand, light from the window on the left."""
    x, y = grid()
    x2 = x + 0.05 * (clouds(71, cells=5, octaves=3) - 0.5)
    y2 = y + 0.05 * (clouds(72, cells=5, octaves=3) - 0.5)
    chance = np.random.default_rng(73)
    cells_x, cells_y = 13, 10
    size = 1.0 / cells_y
    shift = chance.random((cells_y + 4, cells_x + 6, 2)) * 0.82 + 0.09
    near = np.full((HIGH, WIDE), 9.0, np.float32)
    second, who = near.copy(), np.zeros((HIGH, WIDE), np.int64)
    cx, cy = np.floor(x2 / size).astype(int), np.floor(y2 / size).astype(int)
    for oy in (-1, 0, 1):
        for ox in (-1, 0, 1):
            row, column = cy + oy + 1, cx + ox + 1
            point = shift[np.clip(row, 0, cells_y + 3), np.clip(column, 0, cells_x + 5)]
            px = (cx + ox + point[..., 0]) * size
            py = (cy + oy + point[..., 1]) * size
            away = np.hypot(x2 - px, y2 - py).astype(np.float32)
            closer = away < near
            second = np.where(closer, near, np.minimum(second, away))
            who = np.where(closer, row * 97 + column, who)
            near = np.where(closer, away, near)
    gap = soft((second - near) / 0.06, 2)
    inside = np.clip((gap - 0.10) / 0.9, 0, 1)
    dome = np.sqrt(np.clip(1 - (1 - np.clip(inside * 2.0, 0, 1)) ** 2, 0, 1))
    glazes = np.array(
        [
            ink(c)
            for c in (
                "#D5532F",
                "#EFE3CC",
                "#1F5F60",
                "#E0A33A",
                "#F3EAD8",
                "#B23A26",
                "#7FAFA3",
                "#E9D9B8",
                "#DB6B3C",
                "#174A50",
                "#F0C878",
            )
        ]
    )
    order = np.random.default_rng(74).integers(0, len(glazes), 97 * 40)
    tint = np.random.default_rng(75).normal(0, 0.035, 97 * 40).astype(np.float32)
    picture = glazes[order[who]] + tint[who][..., None]
    crackle = clouds(76, cells=14, octaves=5, falloff=0.6)
    picture = picture * (0.86 + 0.28 * crackle)[..., None]
    light = lit(soft(dome, 5), 0.9)
    picture = picture * (1 + 0.34 * light)[..., None]
    shine = np.clip(light - 0.42, 0, 1) * (crackle > 0.3)
    picture = picture + 0.55 * soft(shine.astype(np.float32), 3)[..., None]
    grout = ramp(clouds(77, cells=40, octaves=3), [(0, "#241A14"), (1, "#4A382A")])
    picture = mix(grout, picture, step(gap, 0.13, 0.07))
    return grain(picture, 79, 0.012)


def high_ground() -> Field:
    """A map of somewhere green: a line every few metres, a bold one every fifth."""
    x, y = grid()
    warp, weft = clouds(81, cells=1.6, octaves=3), clouds(83, cells=1.6, octaves=3)
    base = clouds(82, cells=2.3, octaves=4, falloff=0.40)
    height = at(
        base, np.abs(x + y * 0.3 + 0.8 * (warp - 0.5)), np.abs(y - x * 0.3 + 0.8 * (weft - 0.5))
    )
    height = soft(height, 22)
    low, high = float(height.min()), float(height.max())
    height = (height - low) / (high - low) + 0.05 * (0.5 - y) + 0.06 * (x - 0.667)
    picture = ramp(
        height,
        [
            (0.0, "#07251F"),
            (0.16, "#12493A"),
            (0.32, "#2E7A4B"),
            (0.46, "#8DB257"),
            (0.58, "#D9D084"),
            (0.70, "#F5E79E"),
            (0.80, "#E9DDB4"),
            (0.92, "#F6F1E2"),
            (1.05, "#FFFDF6"),
        ],
    )
    picture = picture * (1 + 0.07 * lit(soft(height, 6), 4.0))[..., None]
    slope = np.hypot(*np.gradient(height)) + 1e-5
    lines = height * 24
    away = np.abs(lines - np.round(lines)) / (24 * slope)
    bold = (np.round(lines).astype(int) % 5) == 0
    stroke = np.clip(np.where(bold, 2.1, 1.25) - away, 0, 1) * np.where(bold, 0.8, 0.38)
    picture = mix(picture, ink("#1D2B1C"), stroke)
    return grain(picture, 89, 0.016)


def blank() -> Field:
    """Primed linen on the easel, window light across it, one stroke to try the blue."""
    x, y = grid()
    uneven = clouds(91, cells=6, octaves=4)
    threads = (
        0.5
        + 0.25 * np.sin(2 * np.pi * (x * 210 + 0.5 * uneven))
        + 0.25 * np.sin(2 * np.pi * (y * 210 + 0.5 * clouds(92, cells=6, octaves=4)))
    )
    linen = ramp(
        0.55 * threads + 0.45 * uneven, [(0, "#A8906C"), (0.5, "#C2AC88"), (1, "#D8C6A4")]
    )
    fray = 0.030 * (clouds(93, cells=9, octaves=5, falloff=0.6) - 0.5) + 0.02 * (
        clouds(94, cells=2, octaves=2) - 0.5
    )
    inset = np.minimum(np.minimum(x - 0.105, 1.228 - x), np.minimum(y - 0.10, 0.90 - y)) + fray
    brushed = clouds(95, cells=3, octaves=6, falloff=0.65)
    hairs = np.random.default_rng(96).random((HIGH // 2, 24), dtype=np.float32)
    rows = enlarge(hairs)
    gesso = ramp(
        0.5 * brushed + 0.3 * rows + 0.2 * threads,
        [(0.1, "#EFE9DC"), (0.5, "#F8F4EA"), (0.9, "#FFFDF8")],
    )
    cover = step(inset - 0.010 * (rows - 0.5) - 0.008 * (threads - 0.5), 0.0, 0.012)
    picture = mix(linen, gesso, cover)
    picture = _stroke(picture, x, y, rows, brushed)
    return grain(_window(picture, x, y), 99, 0.012)


def _stroke(picture: Field, x: Field, y: Field, rows: Field, brushed: Field) -> Field:
    """A flat brush, drawn to the right until it ran dry."""
    path = 0.60 - 0.03 * np.sin((x - 0.3) * 3.1) + 0.006 * (brushed - 0.5)
    across = (y - path) / 0.052
    along = (x - 0.30) / 0.52
    body = np.clip((1 - np.abs(across)) / 0.10, 0, 1)
    start = step(along, 0.015 * np.sin(across * 5) + 0.02 * (rows - 0.5), 0.015)
    hairs = at(rows, x * 0.05, np.abs(across) * 0.5 + 0.25 + 0.02 * brushed)
    dry = step(hairs + 0.35 * (brushed - 0.5), np.clip(1.25 * along - 0.22, 0, 1.3), 0.16)
    paint = ramp(
        0.55 * hairs + 0.45 * brushed, [(0.1, "#14208A"), (0.5, "#2237C3"), (0.9, "#4258E4")]
    )
    return mix(picture, paint, np.clip(body * start * dry, 0, 1) * 0.97)


def _window(picture: Field, x: Field, y: Field) -> Field:
    """Light through four panes, slanting."""
    u, v = x + 0.42 * y, y - 0.10 * x
    panes = np.zeros_like(x)
    for left in (0.52, 0.86):
        for top in (-0.16, 0.30):
            panes = np.maximum(
                panes,
                step(
                    np.minimum(
                        np.minimum(u - left, left + 0.29 - u), np.minimum(v - top, top + 0.41 - v)
                    ),
                    0,
                    0.02,
                ),
            )
    light = soft(panes, 9)
    shade = mix(picture * ink("#D9D6D4"), picture * ink("#FFF8E9") * 1.03, light)
    return np.clip(shade, 0, 1)
