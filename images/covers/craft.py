"""Pictures of the WebUIs: still life, quarter circles, weave, embers, threads."""

from __future__ import annotations

from itertools import pairwise

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


def studio() -> Field:
    """Four vessels on a table, in a north light."""
    x, y = grid()
    chalk = clouds(121, cells=5, octaves=6, falloff=0.62)
    wall = ramp(
        0.75 * x / 1.33 + 0.25 * y + 0.16 * (chalk - 0.5),
        [(0, "#E9DDCB"), (0.5, "#D8C9B5"), (1, "#B9AA98")],
    )
    table = ramp(x / 1.33 + 0.2 * (chalk - 0.5), [(0, "#C9A98A"), (1, "#94745B")])
    picture = mix(wall, table, step(y, 0.70 + 0.004 * (chalk - 0.5), 0.004))
    # centre, foot, half width at the foot and at the neck, height, neck, colour
    vessels = [
        (0.92, 0.76, 0.115, 0.030, 0.56, 0.42, "#F1EADD"),
        (0.44, 0.77, 0.135, 0.050, 0.44, 0.50, "#7E9AA0"),
        (0.66, 0.82, 0.090, 0.066, 0.30, 0.80, "#C6623F"),
        (1.08, 0.84, 0.105, 0.088, 0.19, 0.95, "#E0B865"),
    ]
    for cx, foot, wide, neck, tall, shoulder, colour in vessels:
        shade = np.exp(-(((y - foot) / 0.022) ** 2) - ((x - cx - 0.10) / (1.7 * wide)) ** 2)
        picture = mix(picture, ink("#3C2C22"), 0.55 * shade)
        up = np.clip((foot - y) / tall, 0, 1)
        turn = step(up, shoulder, 0.26)
        half = wide * (1 - turn) + neck * turn
        half = half * np.clip(0.80 + 2.2 * up, 0, 1)
        across = (x - cx + 0.002 * (chalk - 0.5)) / np.maximum(half, 1e-3)
        inside = (1 - step(np.abs(across), 1, 0.025)) * step(y, foot - tall, 0.004)
        inside = inside * (1 - step(y, foot, 0.005))
        light = 0.60 + 0.52 * np.sqrt(np.clip(1 - (across + 0.42) ** 2 / 2.1, 0, 1))
        body = ink(colour) * (light + 0.10 * (chalk - 0.5))[..., None]
        picture = mix(picture, body, inside)
        mouth = np.hypot((x - cx) / neck, (y - (foot - tall)) / (0.24 * neck))
        picture = mix(picture, ink("#4A3A30"), (1 - step(mouth, 0.92, 0.06)) * 0.75)
    return grain(picture, 129, 0.018)


def invokeai() -> Field:
    """Tiles of quarter circles: no two beside each other turned alike."""
    x, y = grid()
    size = 1 / 6
    column, row = np.floor(x / size).astype(int), np.floor(y / size).astype(int)
    chance = np.random.default_rng(131)
    turns, tones = chance.integers(0, 4, (7, 9)), chance.permuted(np.arange(63) % 7).reshape(7, 9)
    turn, tone = turns[row, column], tones[row, column]
    u, v = x / size - column, y / size - row
    u = np.where((turn == 1) | (turn == 2), 1 - u, u)
    v = np.where(turn >= 2, 1 - v, v)
    colours = ["#16324F", "#F2C14E", "#D1495B", "#EDE6D6", "#3C887E", "#1B998B", "#F4A259"]
    inks = np.array([ink(colour) for colour in colours])
    picture = inks[tone]
    away = np.hypot(u, v)
    for edge, shift in [(0.98, 3), (0.66, 5), (0.33, 1)]:
        over = inks[(tone + shift) % len(colours)]
        picture = mix(picture, over, 1 - step(away, edge, 0.012))
    paper = clouds(133, cells=30, octaves=4)
    return grain(picture * (0.93 + 0.14 * paper)[..., None], 139, 0.014)


def a1111() -> Field:
    """Cloth on the loom: over one, under one, in stripes."""
    x, y = grid()
    bend = 0.05 * (clouds(141, cells=2, octaves=3) - 0.5)
    pitch = 0.0245
    across, down = (x + bend) / pitch, (y + 0.7 * bend) / pitch
    column, row = np.floor(across).astype(int), np.floor(down).astype(int)
    warp_colours = np.array([ink(c) for c in ("#23395B", "#23395B", "#EDE3D0", "#B4532A")])
    weft_colours = np.array([ink(c) for c in ("#EDE3D0", "#D9A441", "#EDE3D0", "#23395B")])
    warp = warp_colours[(column // 5) % 4]
    weft = weft_colours[(row // 7) % 4]
    over = ((row + column) % 2 == 0) | (((row + 2 * column) % 7) == 0)
    u, v = across - column - 0.5, down - row - 0.5
    round_warp = np.sqrt(np.clip(1 - (2 * u) ** 2 * 0.92, 0, 1)) * (
        0.72 + 0.28 * np.cos(np.pi * v)
    )
    round_weft = np.sqrt(np.clip(1 - (2 * v) ** 2 * 0.92, 0, 1)) * (
        0.72 + 0.28 * np.cos(np.pi * u)
    )
    fibre = 0.92 + 0.16 * np.sin(46 * (u + 0.7 * v)) * 0.5
    fibre2 = 0.92 + 0.16 * np.sin(46 * (v - 0.7 * u)) * 0.5
    picture = np.where(
        over[..., None],
        warp * (round_warp * fibre)[..., None],
        weft * (round_weft * fibre2)[..., None],
    )
    light = 0.82 + 0.4 * soft(clouds(143, cells=1.5, octaves=2), 40)
    return grain(np.clip(picture * light[..., None], 0, 1), 149, 0.012)


def forge() -> Field:
    """Iron just out of the fire, and what flies off it."""
    x, y = grid()
    smoke = clouds(151, cells=2, octaves=6, falloff=0.55)
    picture = ramp(y + 0.25 * (smoke - 0.5), [(0, "#0B0B10"), (0.6, "#17121A"), (1, "#2A1414")])
    bar = 0.70 - 0.20 * (x - 0.1) + 0.004 * (smoke - 0.5)
    depth = (y - bar) / 0.085
    inside = (1 - step(np.abs(depth), 1, 0.06)) * step(x, 0.16, 0.01) * (1 - step(x, 1.19, 0.01))
    heat = np.clip(1.25 - np.abs(x - 0.62) * 1.5 - 0.28 * depth**2, 0, 1)
    scale = clouds(152, cells=14, octaves=5, falloff=0.6)
    heat = np.clip(heat - 0.34 * step(scale, 0.56, 0.06) * (1 - 0.5 * heat), 0, 1)
    metal = ramp(
        heat,
        [
            (0.0, "#2B2A30"),
            (0.25, "#5A1F17"),
            (0.5, "#C43A12"),
            (0.75, "#FF8A1F"),
            (0.9, "#FFD15C"),
            (1.0, "#FFF6D8"),
        ],
    )
    glow = soft(inside * heat, 70)
    picture = picture + glow[..., None] * ink("#FF6A1A") * 1.15
    picture = mix(picture, metal, inside)
    chance = np.random.default_rng(153)
    sparks = np.zeros((HIGH, WIDE), np.float32)
    for _ in range(260):
        angle = float(chance.normal(-np.pi / 2 + 0.25, 0.75))
        reach = float(chance.gamma(2.2, 0.16))
        px = 0.62 + np.cos(angle) * reach
        py = 0.56 + np.sin(angle) * reach + 0.35 * reach**2
        length = float(chance.uniform(0.006, 0.030))
        for part in np.linspace(0, 1, 14):
            sx = int((px - np.cos(angle) * length * part) * HIGH)
            sy = int((py - (np.sin(angle) + 0.7 * reach) * length * part) * HIGH)
            if 2 <= sx < WIDE - 2 and 2 <= sy < HIGH - 2:
                sparks[sy - 1 : sy + 2, sx - 1 : sx + 2] += float(1 - part) * 0.8
    sparks = np.clip(sparks, 0, 1)
    picture = picture + soft(sparks, 7)[..., None] * ink("#FF7A22") * 2.2
    picture = picture + soft(sparks, 1)[..., None] * ink("#FFE2A0") * 1.3
    return grain(np.clip(picture, 0, 1), 159, 0.016)


def comfyui() -> Field:
    """Coloured threads from pin to pin on felt."""
    x, y = grid()
    felt = clouds(161, cells=60, octaves=3, falloff=0.7)
    picture = ramp(felt, [(0, "#20343A"), (1, "#2E474D")])
    chance = np.random.default_rng(162)
    pins = [
        [
            (at, 0.14 + 0.72 * n / (count - 1) + float(chance.normal(0, 0.012)))
            for n in range(count)
        ]
        for at, count in [(0.12, 5), (0.45, 4), (0.82, 6), (1.21, 4)]
    ]
    colours = ["#F2B84B", "#E8694A", "#8FC7B5", "#F3E9D2", "#C58BB8", "#7FA9E0"]
    for left, right in pairwise(pins):
        for start in left:
            for end in chance.permutation(len(right))[:2]:
                colour = ink(colours[int(chance.integers(len(colours)))])
                picture = _thread(picture, (x, y), start, right[int(end)], colour)
    for px, py in (pin for column in pins for pin in column):
        away = np.hypot(x - px, y - py)
        picture = mix(
            picture,
            ink("#0D191C"),
            0.5 * np.exp(-((np.hypot(x - px - 0.008, y - py - 0.010) / 0.022) ** 2)),
        )
        head = ramp(
            (x - px + y - py) / 0.04 + 0.5, [(0, "#FFF3D0"), (0.5, "#D9B45A"), (1, "#7A5A24")]
        )
        picture = mix(picture, head, 1 - step(away, 0.0165, 0.002))
    return grain(picture, 169, 0.012)


def _thread(
    picture: Field,
    at: tuple[Field, Field],
    start: tuple[float, float],
    end: tuple[float, float],
    colour: Field,
) -> Field:
    """It leaves level, arrives level, and lies a little above the felt."""
    x, y = at
    part = np.clip((x - start[0]) / (end[0] - start[0]), 0, 1)
    path = start[1] + (end[1] - start[1]) * part * part * (3 - 2 * part)
    slope = (end[1] - start[1]) / (end[0] - start[0]) * 6 * part * (1 - part)
    away = (y - path) / np.sqrt(1 + slope**2)
    here = (x >= start[0]) & (x <= end[0])
    under = np.exp(-(((away - 0.007) / 0.006) ** 2)) * here
    picture = mix(picture, ink("#0D191C"), 0.45 * under)
    twist = 0.80 + 0.20 * np.sin((x * 1.0 + away * 1.6) * 900)
    body = np.sqrt(np.clip(1 - (away / 0.0052) ** 2, 0, 1)) * here
    return mix(picture, colour * twist[..., None], np.clip(body * 1.6, 0, 1))
