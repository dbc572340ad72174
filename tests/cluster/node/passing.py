"""Tests that run elsewhere and are reported here: pytest's own reports, over a pipe.

Outside, `Elsewhere` starts pytest again in a world of its own and gives back, test by test, what
came of it. Inside, this module is a plug-in of that second pytest and says it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.node import world
from tests.running import ROOT

# Desktops' images, as archives, separated by colons: in there is no network to build them.
IMAGES = "ATELIER_TEST_IMAGES"
_PIPE = "ATELIER_TEST_REPORTS"
# The longest silence: the first build of the image, and of what a cluster takes.
SILENT_S = 1200.0


class Elsewhere:
    """One run of all these tests in there."""

    def __init__(self, config: pytest.Config, tests: list[str], images: list[Path]) -> None:
        self.config = config
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as this
        read, write = os.pipe()
        words = [sys.executable, "-m", "pytest", "-p", __name__, "-p", "no:cacheprovider"]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.node.guardian", *words, "-n", "0", *tests],
            cwd=ROOT,
            env=_environment() | {_PIPE: str(write), IMAGES: os.pathsep.join(map(str, images))},
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=[write],
            start_new_session=True,  # Ctrl-C reaches us alone; it ends when we do
        )
        os.close(write)
        self._lines = _lines(read)

    def reports(self, item: pytest.Item) -> Iterator[pytest.TestReport]:
        """What came of this one, piece by piece."""
        for line in self._lines:
            said = json.loads(line)
            if said == {"finished": item.nodeid}:
                return
            if "finished" not in said:
                yield self.config.hook.pytest_report_from_serializable(
                    config=self.config, data=said
                )
        yield pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"The world of these tests ended too early:\n{self._said()}",
            when="call",
        )

    def end(self) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait(60)
        self._output.close()

    def _said(self) -> str:
        self._output.seek(0)
        return self._output.read()[-6000:]


def _environment() -> dict[str, str]:
    """Without what this run has for itself: the other makes its own servers."""
    ours = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("ATELIER_TEST_", "PYTEST_XDIST"))
    }


def _lines(pipe: int) -> Iterator[str]:
    rest, deadline = b"", time.monotonic() + SILENT_S
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while time.monotonic() < deadline:
            if not select.select([file], [], [], 1)[0]:
                continue
            piece = file.read(65536)
            if not piece:
                return
            deadline = time.monotonic() + SILENT_S
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line.decode() for line in whole)


# --- Inside -------------------------------------------------------------------------------------


class _Telling:
    def __init__(self, config: pytest.Config, pipe: int) -> None:
        self.config, self.pipe = config, pipe

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self.config.hook
        self._say(hook.pytest_report_to_serializable(config=self.config, report=report))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._say({"finished": nodeid})

    def _say(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, default=str).encode() + b"\n"
        while line:
            line = line[os.write(self.pipe, line) :]


def pytest_configure(config: pytest.Config) -> None:
    pipe = int(os.environ.pop(_PIPE))
    os.set_inheritable(pipe, False)
    assert world.inside()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    config.pluginmanager.register(_Telling(config, pipe), "telling")
