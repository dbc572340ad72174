"""What would make every launch fail is found by a start without a desktop, and named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner.drivers.local import sandbox
from provisioner.drivers.local.driver import LocalDriver
from provisioner.drivers.local.rehearsal import noexec, rehearse
from tests.provisioner.drivers.local_world import needs_sandbox
from tests.provisioner.drivers.studio import ENV, NEEDS

pytestmark = NEEDS


@pytest.fixture(params=[pytest.param(False, marks=needs_sandbox), True], ids=["sandbox", "plain"])
def driver(request: pytest.FixtureRequest, data: Path) -> Iterator[LocalDriver]:
    data.chmod(0o755)
    yield LocalDriver(data=data, slots=1, env=ENV, plain=request.param)
    assert not (data / "desktops" / ".rehearsal").exists(), "nothing of it stays"


def without_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Nothing but the system's Python is found inside."""
    told = sandbox.environment
    monkeypatch.setattr(
        sandbox, "environment", lambda *a, **k: told(*a, **k) | {"PATH": str(folder)}
    )


def test_where_desktops_start_it_says_nothing(driver: LocalDriver) -> None:
    assert rehearse(driver) == ""
    assert list(driver.survey().seen) == []


def test_a_streamer_that_is_not_there_or_does_not_run_is_named(
    driver: LocalDriver, data: Path
) -> None:
    streamer = data / "streamer"
    broken = LocalDriver(data=data, slots=1, env=streamer, plain=driver.plain)
    assert rehearse(broken) == f"The streamer is not installed in {streamer}."
    (streamer / "bin").mkdir(parents=True)
    (streamer / "bin" / "python").symlink_to("/usr/bin/python3")
    said = "The streamer's Python does not run inside a desktop: its packages are not there."
    assert rehearse(broken) == said


def test_a_program_that_is_not_installed_is_named(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("sh", "bwrap", "setpriv", "openbox", "xrandr", "xsetroot"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    without_path(monkeypatch, tmp_path)
    said = rehearse(driver)
    # The sandbox shows it nothing of that folder; without one, just that program is missing.
    assert said.startswith("Programs of a desktop are not installed: not found: Xvfb") or (
        not driver.plain and "setpriv" in said
    )


def test_a_sandbox_that_is_not_allowed_is_named(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if driver.plain:
        pytest.skip("there is none to refuse")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho bwrap: Operation not permitted >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    without_path(monkeypatch, Path(f"{tmp_path}:{os.environ['PATH']}"))
    said = "The sandbox of a desktop does not start: bwrap: Operation not permitted."
    assert rehearse(driver) == said


def test_a_disk_where_no_program_may_run_is_named(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rehearse(driver) == ""
    assert noexec(driver) == ""
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_NOEXEC))
    assert "ATELIER_LOCAL_SETUPS" in noexec(driver)
