"""Print and lens: two-colour press, long lens."""

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
    soft,
    step,
)


def _dots(x: Field, y: Field, tone: Field, *, turn: float, pitch: float) -> Field:
    """A screen of dots whose size says how dark; 0 to 1 of ink."""
    u = (x * np.cos(turn) + y * np.sin(turn)) / pitch
    v = (-x * np.sin(turn) + y * np.cos(turn)) / pitch
    away = np.hypot(u - np.round(u), v - np.round(v))
    radius = 0.72 * np.sqrt(np.clip(tone, 0, 1))
    return np.clip((radius - away) / 0.14 + 0.5, 0, 1)


def two_colour_press() -> Field:
    """Two plates, a little out of register, on uncoated paper."""
    x, y = grid()
    fibre = clouds(101, cells=40, octaves=4)
    picture = ramp(fibre, [(0.2, "#EFE9DC"), (0.8, "#F6F1E6")])
    worn = 0.86 + 0.28 * clouds(102, cells=50, octaves=3)
    left, right = np.hypot(x - 0.47, y - 0.47), np.hypot(x - 0.85, y - 0.47)
    inside = 1 - step(left, 0.30, 0.003)
    tone = np.clip(1.02 - 0.85 * np.clip((y - 0.25) / 0.5, 0, 1) ** 1.2, 0.14, 1)
    red = np.where(tone > 0.93, 1, _dots(x, y, tone, turn=0.26, pitch=0.0135)) * inside
    picture = picture * mix(
        np.ones_like(picture), ink("#E8503A"), np.clip(red * worn, 0, 1) * 0.94
    )
    inside = 1 - step(right, 0.27, 0.003)
    tone = np.clip(0.16 + 0.95 * np.clip((y - 0.20) / 0.5, 0, 1), 0.12, 1)
    blue = (
        np.where(tone > 0.96, 1, _dots(x + 0.004, y - 0.003, tone, turn=1.31, pitch=0.0135))
        * inside
    )
    flow = clouds(103, cells=1.6, octaves=3, falloff=0.4)
    current = soft(flow, 10) * 26 + 2.2 * np.sin(3 * x + 4 * y)
    slope = np.hypot(*np.gradient(current)) + 1e-5
    away = np.abs(current - np.round(current)) / slope
    wide = 0.6 + 2.6 * clouds(104, cells=3, octaves=2) ** 2
    lines = np.clip(wide - away + 0.5, 0, 1) * step(clouds(105, cells=3, octaves=3), 0.40, 0.08)
    blue = np.maximum(blue, 0.9 * lines)
    picture = picture * mix(
        np.ones_like(picture), ink("#2347C4"), np.clip(blue * worn, 0, 1) * 0.94
    )
    return grain(picture, 109, 0.010)


def long_lens() -> Field:
    """Rain, a crossing, everything far out of focus."""
    x, y = grid()
    picture = ramp(
        y + 0.12 * (clouds(111, cells=2, octaves=3) - 0.5),
        [(0, "#051A22"), (0.35, "#0B3840"), (0.62, "#11343A"), (0.8, "#1F1D1B"), (1, "#0A0807")],
    )
    chance = np.random.default_rng(112)
    tints = [
        ink(c)
        for c in ("#157F86", "#2FA39C", "#F08A2E", "#FFC063", "#E2551F", "#79C9B8", "#0E5C6B")
    ]
    light = np.zeros((HIGH, WIDE, 3), np.float32)
    for n in range(120):
        size = float(
            chance.choice([0.024, 0.038, 0.056, 0.085, 0.13], p=[0.24, 0.27, 0.24, 0.16, 0.09])
        )
        cx = float(chance.normal(0.66, 0.36))
        cy = float(chance.normal(0.50, 0.15 if size < 0.06 else 0.21))
        warm = chance.random() < 0.42 + 0.9 * max(0.0, cy - 0.42)
        colour = (
            tints[int(chance.choice([2, 3, 4]))]
            if warm
            else tints[int(chance.choice([0, 1, 5, 6]))]
        )
        strength = float(chance.uniform(0.12, 0.62)) * (0.05 / size) ** 0.35
        near = (
            slice(max(0, int((cy - size * 1.2) * HIGH)), max(0, int((cy + size * 1.2) * HIGH))),
            slice(max(0, int((cx - size * 1.2) * HIGH)), max(0, int((cx + size * 1.2) * HIGH))),
        )
        away = np.hypot(x[near] - cx, y[near] - cy) / size
        if not away.size:
            continue
        soft_edge = 0.05 + 0.10 * float(chance.random())
        disc = np.clip((1 - away) / soft_edge, 0, 1)
        rim = np.exp(-(((away - 0.93) / 0.06) ** 2))
        light[near] += ((0.75 * disc + 0.35 * rim * disc) * strength)[..., None] * colour
        _ = n
    light = light + 0.30 * soft(np.clip(light, 0, 1), 60)
    picture = 1 - (1 - picture) * np.exp(-1.35 * light)
    wet = (
        np.exp(-(((y - 0.93) / 0.08) ** 2))[..., None]
        * soft(np.roll(light[::-1], 0, 0), 26)
        * 0.35
    )
    return grain(picture + wet, 119, 0.022)
