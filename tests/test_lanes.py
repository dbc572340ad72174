"""Batches that run side by side leave no test out, run none twice, and hide no failure."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests import lanes
from tests.running import ROOT, eventually

TESTS = """
import os, pathlib, pytest
def note(name): (pathlib.Path(__file__).parent / f"{name}-{os.getpid()}").touch()
def test_plain(): note("plain")
@pytest.mark.cluster
def test_cluster(): note("cluster")
@pytest.mark.node
@pytest.mark.cluster
def test_node(): note("node")
@pytest.mark.left_out
def test_left_out(): note("left_out")
"""
SETTINGS = "[pytest]\nmarkers =\n cluster: x\n node: x\n left_out: x\n"
# Plug-ins of ours would take longer to load than all this.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}


def begin(folder: Path, tests: str) -> subprocess.Popen[str]:
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "test_some.py").write_text(tests)
    words = ["not left_out", "-c", str(folder / "pytest.ini"), str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lanes", *words],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | ALONE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_test_belongs_to_one_batch() -> None:
    for marks in itertools.product([True, False], repeat=2):
        has = dict(zip(("cluster", "node"), marks, strict=True))
        chosen = [
            batch
            for batch in lanes.BATCHES
            if Expression.compile(batch).evaluate(lambda name, **_: has[name])  # noqa: B023
        ]
        assert len(chosen) == 1, has


def test_each_is_run_once_and_all_that_was_said_is_shown(tmp_path: Path) -> None:
    process = begin(tmp_path, TESTS)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    ran = [file.name.partition("-") for file in tmp_path.glob("*-*") if file.suffix == ""]
    assert sorted(name for name, _, _ in ran) == ["cluster", "node", "plain"]
    assert len({pid for _, _, pid in ran}) == 3, "each batch is a process of its own"
    assert said.count("1 passed") == 3


@pytest.mark.parametrize("name", ["plain", "node"])
def test_one_that_fails_anywhere_is_a_failure(tmp_path: Path, name: str) -> None:
    broken = TESTS.replace(f'note("{name}")', f'assert not "{name} broke"')
    process = begin(tmp_path, broken)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert f"{name} broke" in said


def test_where_nothing_was_run_nothing_passed(tmp_path: Path) -> None:
    process = begin(tmp_path, TESTS.partition("def test_plain")[0])
    process.communicate(timeout=60)
    assert process.returncode == 1


def test_who_is_told_to_end_leaves_none_behind(tmp_path: Path) -> None:
    waits = TESTS.replace('note("plain")', 'note("plain"); import time; time.sleep(1000)')
    process = begin(tmp_path, waits)
    found = eventually(lambda: [*tmp_path.glob("plain-*")], seconds=60, what="that it waits")
    pid = int(found[0].name.partition("-")[2])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()
