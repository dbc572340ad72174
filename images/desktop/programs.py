"""How a session starts programs, and keeps those that belong to the desktop."""

from __future__ import annotations

import asyncio
import time

from place import HOME, environment, say

STEADY_S = 30.0  # whoever lived that long is started again at once
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


async def spawn(
    *command: str,
    keep_open: tuple[int, ...] = (),
    out: int | None = None,
    err: int | None = None,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=environment(),
        cwd=HOME,
        pass_fds=keep_open,
    )


async def once(*command: str) -> int:
    return await (await spawn(*command)).wait()


async def keep(*command: str, quiet: bool = False) -> None:
    """A program that belongs to the desktop: started again when it ends, ever more slowly."""
    to = asyncio.subprocess.DEVNULL if quiet else None
    pause_s = FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        code = await (await spawn(*command, out=to, err=to)).wait()
        say(f"{command[0]} ended with {code}")
        pause_s = longer(pause_s, lived_s=time.monotonic() - began)
        await asyncio.sleep(pause_s)


def longer(pause_s: float, *, lived_s: float) -> float:
    """The next pause: short again after a steady life."""
    return FIRST_PAUSE_S if lived_s > STEADY_S else min(pause_s * 2, LONGEST_PAUSE_S)
