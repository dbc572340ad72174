"""Runs a command in a world of its own, and clears the world away whatever becomes of anybody.

    python -m tests.cluster.node.guardian COMMAND…

Its standard input is held open by whoever started it: when that ends, even by SIGKILL, so does the
world. Exit status: the command's.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

from tests.cluster.node import world
from tests.running import eventually


def main(words: list[str]) -> int:
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: asked.append(got))
    world.sweep()
    estate = world.Estate()
    child = None
    try:
        child = subprocess.Popen(
            world.command(*words),
            stdin=subprocess.DEVNULL,
            close_fds=False,  # what was handed to us is meant for it
            env=os.environ | {world.INSIDE: estate.name, "TMPDIR": str(estate.folder)},
        )
        _wait(child, asked)
        return child.returncode if child.returncode is not None else 1
    finally:
        if child is not None:
            child.kill()  # and the kernel everything in there
            child.wait()
        eventually(lambda: _cleared(estate), seconds=30, what="the end of the world's processes")


def _wait(child: subprocess.Popen[bytes], asked: list[int]) -> None:
    """Until it ends, or nobody waits for it any more."""
    while child.poll() is None and not asked:
        readable, _, _ = select.select([sys.stdin], [], [], 0.1)
        if readable and not os.read(sys.stdin.fileno(), 1):
            return


def _cleared(estate: world.Estate) -> bool:
    try:
        estate.clear()
    except OSError:  # a process still ends in there
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
