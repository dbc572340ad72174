"""Runs tests two batches at a time: `python -m tests.lanes EXPRESSION [words for pytest…]`.

A cluster's tests wait most of the time, a desktop's are busy: side by side they take little more
than the longer of the two. Each batch is a pytest of its own, one test after the other, with
servers of its own, so nothing is shared but the machine; and only one of them has desktops on it.
Whichever lane is free first takes the third batch.

What the oldest batch says is shown as it says it; then the next one's, from its beginning.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO

# Each test belongs to exactly one (test_lanes.py). The longest first.
BATCHES = ("not cluster and not node", "cluster and not node", "node")
LANES = min(2, os.cpu_count() or 1)
NOTHING_TO_RUN = 5  # pytest's exit status where no test was chosen
ENDS_WITHIN_S = 90.0


class Batch:
    def __init__(self, expression: str, words: Sequence[str]) -> None:
        self.expression = expression
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this
        options = ["-n", "0", "-q", "-rs", "-m", expression]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._shown = 0

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def well(self) -> bool:
        return self.process.returncode in (0, NOTHING_TO_RUN)

    def show(self) -> None:
        """What it has said since it was last asked."""
        while said := os.pread(self._output.fileno(), 1 << 20, self._shown):
            self._shown += len(said)
            sys.stdout.buffer.write(said)
        sys.stdout.flush()


def run(expression: str, words: Sequence[str], *, lanes: int = LANES) -> bool:
    """Whether all of it passed."""
    waiting = [f"({expression}) and {batch}" for batch in BATCHES]
    begun: list[Batch] = []
    shown = 0
    try:
        while waiting or shown < len(begun):
            if waiting and sum(one.running for one in begun) < lanes:
                begun.append(Batch(waiting.pop(0), words))
            ended = not begun[shown].running  # asked first: then nothing more comes after `show`
            begun[shown].show()
            if ended:
                shown += 1
            else:
                time.sleep(0.1)
    finally:
        _end(begun)
    return all(one.well for one in begun) and any(not one.process.returncode for one in begun)


def _end(begun: list[Batch]) -> None:
    """They clear away what they started, as after Ctrl-C, which they may have heard themselves."""
    for one in begun:
        if one.running:
            one.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + ENDS_WITHIN_S
    for one in begun:
        try:
            one.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return 0 if run(words[0], words[1:]) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
