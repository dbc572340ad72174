"""Graphics cards of this machine, if it has any: each place gets one, or a pretended one.

A desktop sees the device files of its own card alone, so it cannot open a neighbour's.
"""

from __future__ import annotations

import re
from pathlib import Path

DEV = Path("/dev")
NUMBERED = re.compile(r"nvidia(\d+)")
# Needed beside a card's own file; without any card they are of no use.
SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")


def of_place(slot: int, *, wanted: int) -> list[Path]:
    """The device files for whoever has this place; none where its cards are only pretended."""
    numbers = sorted(
        int(match[1]) for path in DEV.glob("nvidia*") if (match := NUMBERED.fullmatch(path.name))
    )
    own = numbers[slot : slot + 1] if wanted else []
    if not own:
        return []
    shared = [DEV / name for name in SHARED if (DEV / name).exists()]
    return [*(DEV / f"nvidia{number}" for number in own), *shared]
