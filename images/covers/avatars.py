"""Small square pictures of creators: not faces but signs, each from a few shapes."""

from __future__ import annotations

import numpy as np

from images.covers.brushes import Field, ink, mix, step

SIDE = 768  # painted larger than kept
KEPT_SIDE = 192


def _grid() -> tuple[Field, Field]:
    """x and y from -1 to 1, y downwards."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    return x, y


def _flat(colour: str) -> Field:
    return np.broadcast_to(ink(colour), (SIDE, SIDE, 3)).copy()


def _within(field: Field, edge: float) -> Field:
    return 1 - step(field, edge, 0.012)


def _uneven(seed: int, cells: int) -> Field:
    """Soft noise around 0, for edges that a hand has drawn."""
    chance = np.random.default_rng(seed)
    small = chance.standard_normal((cells + 1, cells + 1)).astype(np.float32)
    place = np.linspace(0, cells - 1e-4, SIDE)
    low = place.astype(int)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    rows = small[low] * (1 - part)[:, None] + small[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def mo_bai() -> Field:
    """A ring in one stroke of a wet brush."""
    x, y = _grid()
    away = np.hypot(x, y) + 0.03 * _uneven(11, 6)
    turn = (np.arctan2(y, x) + np.pi) / (2 * np.pi)
    wide = 0.10 + 0.10 * np.sin(np.pi * turn) ** 0.7
    hairs = 0.5 + 0.5 * np.sin(away * 160 + 3 * _uneven(12, 9))
    stroke = _within(np.abs(away - 0.58) - wide, 0) * (turn < 0.965)
    dry = np.clip(1.15 - turn * 0.75 * hairs, 0, 1)
    return mix(_flat("#E9DFC9"), ink("#1B1F24"), np.clip(stroke * dry, 0, 0.96))


def haru_kato() -> Field:
    """The sun behind one cloud."""
    x, y = _grid()
    picture = mix(_flat("#2C7BDC"), ink("#8CC4F2"), np.clip((y + 1) / 2, 0, 1))
    picture = mix(picture, ink("#FFE08A"), _within(np.hypot(x - 0.22, y + 0.18), 0.46))
    puffs = [(-0.5, 0.36, 0.3), (-0.14, 0.16, 0.38), (0.28, 0.28, 0.34), (0.6, 0.42, 0.24)]
    cloud = np.minimum.reduce([np.hypot(x - cx, y - cy) - size for cx, cy, size in puffs])
    cloud = np.minimum(cloud, np.maximum(np.abs(x - 0.05) - 0.62, np.abs(y - 0.5) - 0.16))
    return mix(picture, ink("#FFFDF8"), _within(cloud, 0))


def tomo_arai() -> Field:
    """A bowl, and the glaze that ran down it."""
    x, y = _grid()
    rim, foot = -0.22, 0.62
    part = np.clip((y - rim) / (foot - rim), 0, 1)
    half = 0.72 * np.sqrt(np.clip(1 - part**2.2, 0, 1)) + 0.12
    bowl = _within(np.maximum(np.abs(x) - half, np.maximum(rim - y, y - foot)), 0)
    runs = 0.16 + 0.16 * np.sin(x * 9 + 1) + 0.08 * np.sin(x * 21)
    picture = mix(_flat("#EFE3CC"), ink("#B23A26"), bowl)
    picture = mix(picture, ink("#1F5F60"), bowl * _within(y - runs, 0))
    lip = _within(np.hypot(x / 0.84, (y - rim) / 0.13), 1)
    return mix(picture, ink("#123C3F"), lip)


def ines_duarte() -> Field:
    """Two squares out of register, one plate over the other."""
    x, y = _grid()
    picture = _flat("#F4EEE2")
    red = _within(np.maximum(np.abs(x + 0.16), np.abs(y + 0.16)), 0.52)
    dots = np.hypot((x * 9) % 1 - 0.5, (y * 9) % 1 - 0.5)
    blue = _within(np.maximum(np.abs(x - 0.18), np.abs(y - 0.18)), 0.52) * _within(dots, 0.42)
    picture = picture * mix(np.ones_like(picture), ink("#E8503A"), red * 0.94)
    return picture * mix(np.ones_like(picture), ink("#2347C4"), blue * 0.94)


def lu_xiaolu() -> Field:
    """A hill from above."""
    x, y = _grid()
    height = 1.25 - np.hypot(x + 0.12, (y - 0.06) * 1.2) + 0.10 * _uneven(51, 4)
    bands = np.clip(np.floor(height * 6) / 6, 0, 1)
    picture = mix(_flat("#12493A"), ink("#F5E79E"), np.clip(bands, 0, 1))
    lines = np.abs(height * 6 - np.round(height * 6)) / 6
    return mix(picture, ink("#0C2A22"), 0.8 * _within(lines, 0.016) * (height > 0.05))


def petra_novak() -> Field:
    """Six blades of an iris, half open."""
    x, y = _grid()
    away, turn = np.hypot(x, y), np.arctan2(y, x)
    picture = mix(_flat("#0B2B33"), ink("#124550"), _within(away, 0.86))
    opening = np.full_like(x, -9.0)
    seams = np.full_like(x, 9.0)
    for blade in range(6):
        angle = blade * np.pi / 3 + 0.35
        across = x * np.cos(angle) + y * np.sin(angle)
        along = -x * np.sin(angle) + y * np.cos(angle)
        opening = np.maximum(opening, across)
        seams = np.minimum(seams, np.where(along > -0.22, np.abs(across - 0.38), 9.0))
    seam = _within(seams, 0.014) * _within(away, 0.86) * (opening > 0.38)
    picture = mix(picture, ink("#2E7F83"), seam)
    light = 0.6 + 0.4 * np.cos(turn - 2.2)
    picture = mix(picture, ink("#FFC063"), _within(opening, 0.38) * np.clip(light, 0, 1))
    return mix(picture, ink("#2FA39C"), _within(np.abs(away - 0.88), 0.022))


def d_okafor() -> Field:
    """Rails to a low sun."""
    x, y = _grid()
    picture = mix(_flat("#0F3238"), ink("#E08A4A"), np.clip((y + 1) * 0.75, 0, 1) * (y < 0.12))
    picture = mix(picture, ink("#FFD78A"), _within(np.hypot(x, y - 0.02), 0.42) * (y < 0.12))
    ground = step(y, 0.12, 0.012)
    picture = mix(picture, ink("#08161B"), ground)
    depth = np.clip(y - 0.12, 1e-3, None)
    rail = np.minimum(np.abs(x / depth - 0.62), np.abs(x / depth + 0.62)) * depth
    rails = _within(rail - 0.022 - 0.05 * depth, 0)
    return mix(picture, ink("#F3C98B"), ground * rails)


def shen_yan() -> Field:
    """Two inks, combed once."""
    x, y = _grid()
    wave = y * 4.2 + 1.1 * np.sin(x * 4 + 1.2 * np.sin(y * 2.4)) + 0.25 * _uneven(81, 5)
    part = wave - np.floor(wave)
    picture = mix(_flat("#F2E6CF"), ink("#0F3B3A"), step(part, 0.26, 0.03))
    picture = mix(picture, ink("#D9542B"), step(part, 0.62, 0.03))
    return mix(picture, ink("#E3B23C"), step(part, 0.84, 0.03))
