"""Where the time of a process goes: py-spy, where it is installed (`pip install py-spy`)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RATE_HZ = 200


@contextmanager
def profiled(pids: dict[str, int], folder: Path) -> Iterator[None]:
    """Writes NAME.txt (own and total shares by function) and NAME.raw (stacks) for each."""
    spy = Path(sys.executable).with_name("py-spy")
    program = str(spy) if spy.exists() else shutil.which("py-spy")
    if program is None:
        raise SystemExit("--profile needs py-spy: pip install py-spy")
    folder.mkdir(parents=True, exist_ok=True)
    running = []
    for name, pid in pids.items():
        raw = Path(tempfile.mkdtemp()) / f"{name}.raw"
        command = [program, "record", "--pid", str(pid), "--rate", str(RATE_HZ)]
        command += ["--format", "raw", "--nonblocking", "--output", str(raw)]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append((name, raw, child))
    try:
        yield
    finally:
        for name, raw, child in running:
            child.send_signal(2)
            child.wait(60)
            if raw.exists():
                shutil.move(raw, folder / f"{name}.raw")
                summary = summarised((folder / f"{name}.raw").read_text())
                (folder / f"{name}.txt").write_text(summary)


def summarised(raw: str) -> str:
    """Shares of all samples: by function itself, and with everything it calls."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    for line in raw.splitlines():
        stack, _space, count = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        samples += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    lines = [f"{samples} samples at {RATE_HZ} Hz"]
    for title, counts in (("itself", own), ("with what it calls", total)):
        lines += ["", title]
        lines += [f"{100 * n / samples:6.1f} %  {name}" for name, n in counts.most_common(60)]
    return "\n".join(lines) + "\n"


def _short(frame: str) -> str:
    """Without the line, and the path from the package on."""
    frame = re.sub(r":\d+\)$", ")", frame)
    return re.sub(r"\((?:.*/)?(?:site-packages|lib/python3\.\d+)/", "(", frame)
