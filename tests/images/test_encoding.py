"""Which way the screen is sent, by what the desktop has."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from images.folders import IMAGES


@pytest.fixture
def encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """In a machine with eight cores, no limit and no card."""
    spec = importlib.util.spec_from_file_location("encoding", IMAGES / "desktop" / "encoding.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("DESK_ENCODER", raising=False)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _pid: set(range(8)))
    for name in ("NVIDIA", "CPU_MAX", "CFS_QUOTA", "CFS_PERIOD"):
        monkeypatch.setattr(module, name, tmp_path / name)
    return module


def test_with_cores_to_spare_it_is_video(encoding: ModuleType) -> None:
    assert encoding.chosen() == "h264enc"


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("max 100000", "h264enc"),
        ("400000 100000", "h264enc"),
        ("200000 100000", "jpeg"),
        ("50000 100000", "jpeg"),
        ("nonsense", "h264enc"),
    ],
)
def test_a_small_plan_sends_pictures(encoding: ModuleType, said: str, chosen: str) -> None:
    encoding.CPU_MAX.write_text(said)
    assert encoding.chosen() == chosen


@pytest.mark.parametrize(("quota", "chosen"), [("-1", "h264enc"), ("150000", "jpeg")])
def test_limits_of_the_older_kind_count_too(encoding: ModuleType, quota: str, chosen: str) -> None:
    encoding.CFS_QUOTA.write_text(quota)
    encoding.CFS_PERIOD.write_text("100000")
    assert encoding.chosen() == chosen


def test_a_card_with_an_encoder_makes_up_for_few_cores(
    encoding: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding.CPU_MAX.write_text("100000 100000")
    encoding.NVIDIA.touch()
    loaded: list[str] = []
    monkeypatch.setattr("ctypes.CDLL", loaded.append)
    assert encoding.chosen() == "h264enc"
    assert loaded == ["libnvidia-encode.so.1"]

    def lacks(_name: str) -> None:
        raise OSError

    monkeypatch.setattr("ctypes.CDLL", lacks)
    assert encoding.chosen() == "jpeg", "a card made for computing has none"


def test_whoever_runs_it_may_name_one(
    encoding: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_ENCODER", "h264enc-striped")
    assert encoding.chosen() == "h264enc-striped"
