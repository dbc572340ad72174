"""Which models are offered: the person's own and the shared ones, and none that runs a program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from studio import models
from studio.places import Places


def a_file(folder: Path, name: str) -> Path:
    path = folder / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def a_folder(models_folder: Path, name: str) -> Path:
    path = models_folder / "checkpoints" / name
    path.mkdir(parents=True)
    (path / "model_index.json").write_text("{}")
    return path


def test_ones_own_come_first_then_shared_ones_and_the_practice_model_last(places: Places) -> None:
    a_folder(places.setup / "models", "practice")
    a_file(places.models, "shared.safetensors")
    a_file(places.own_models, "Zebra.safetensors")
    a_file(places.own_models, "apple.SAFETENSORS")
    a_folder(places.own_models, "folder")
    found = models.find(places).models
    assert [(model.name, model.kind, model.own) for model in found] == [
        ("apple", "file", True),
        ("folder", "folder", True),
        ("Zebra", "file", True),
        ("shared", "file", False),
        ("practice", "folder", False),
    ]
    assert [model.name for model in found if model.practice] == ["practice"]


def test_pickles_are_named_and_never_offered(places: Places) -> None:
    for name in ("a.ckpt", "b.PT", "c.pth", "d.bin"):
        a_file(places.own_models, name)
    a_file(places.models, "e.ckpt")
    found = models.find(places)
    assert found.models == ()
    assert [path.name for path in found.refused] == ["a.ckpt", "b.PT", "c.pth", "d.bin", "e.ckpt"]


def test_a_pickle_is_not_offered_as_a_folder_either(places: Places) -> None:
    a_folder(places.own_models, "trap.ckpt")
    found = models.find(places)
    assert not found.models
    assert [path.name for path in found.refused] == ["trap.ckpt"]


def test_what_is_no_model_is_passed_over(places: Places) -> None:
    a_file(places.own_models, "readme.txt")
    a_file(places.own_models, ".coming.safetensors")
    a_file(places.own_models, ".later.ckpt")
    (places.own_models / "checkpoints" / "gone.safetensors").symlink_to("nowhere")
    (places.own_models / "checkpoints" / "empty").mkdir()
    (places.own_models / "loras").mkdir()
    (places.own_models / "loras" / "style.safetensors").write_bytes(b"")
    assert models.find(places) == models.Found((), ())


def test_ones_own_stands_before_a_shared_one_of_the_same_name(places: Places) -> None:
    a_file(places.models, "mist.safetensors")
    own = a_file(places.own_models, "mist.safetensors")
    [found] = models.find(places).models
    assert (found.path, found.own) == (own, True)
    assert models.find(places).named("mist") == found
    assert models.find(places).named("fog") is None


def test_shared_ones_are_links_into_a_store(places: Places, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c").write_bytes(b"weights")
    (places.models / "checkpoints" / "ink.safetensors").symlink_to(tmp_path / "0a1b2c")
    [found] = models.find(places).models
    assert (found.name, found.own) == ("ink", False)


def test_no_folder_at_all_is_no_model(tmp_path: Path) -> None:
    nowhere = Places(tmp_path / "a", tmp_path / "b", tmp_path / "c", None)
    assert models.find(nowhere) == models.Found((), ())


def test_ones_own_practice_is_a_model_like_others(places: Places) -> None:
    a_folder(places.setup / "models", "practice")
    a_file(places.own_models, "practice.safetensors")
    [found] = models.find(places).models
    assert not found.practice


def test_models_in_folders_are_there_with_their_folder_s_name(places: Places) -> None:
    for name in (
        "SDXL/mist.safetensors",
        "sd15/mist.SafeTensors",
        "sd15/人像/夜.safetensors",
        "b.safetensors",
        "SDXL/old.ckpt",
        "SDXL/.hidden/x.safetensors",
        "SDXL/notes.txt",
    ):
        a_file(places.own_models, name)
    whole = a_folder(places.own_models, "diffusers/whole")
    (whole / "unet").mkdir()
    (whole / "unet" / "part.safetensors").write_bytes(b"")
    a_file(places.models, "SDXL/mist.safetensors")
    a_folder(places.setup / "models", "practice")
    found = models.find(places)
    assert [model.name for model in found.models] == [
        "b",
        "diffusers/whole",
        "sd15/mist",
        "sd15/人像/夜",
        "SDXL/mist",
        "practice",
    ]
    assert [path.name for path in found.refused] == ["old.ckpt"]
    one, other = found.named("SDXL/mist"), found.named("sd15/mist")
    assert one and other and one.path != other.path and one.own


def test_links_that_lead_back_and_bottomless_folders_end(places: Places) -> None:
    a_file(places.own_models, "mist.safetensors")
    (places.own_models / "checkpoints" / "again").symlink_to(places.own_models / "checkpoints")
    (places.own_models / "checkpoints" / "up").symlink_to(places.home)
    (places.own_models / "checkpoints" / "self").symlink_to("self")
    a_file(places.own_models, "/".join("abcdef") + "/deep.safetensors")
    a_file(places.own_models, "/".join("abcdefg") + "/too-deep.safetensors")
    names = [model.name for model in models.find(places).models]
    assert names == ["a/b/c/d/e/f/deep", "mist"]


def test_so_many_names_that_nobody_would_choose_end(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST", 40)
    for number in range(30):
        a_file(places.own_models, f"{number:02}/mist.safetensors")
    assert len(models.find(places).models) == 10, "thirty folders, and ten of those within"
    a_file(places.models, "shared.safetensors")
    assert models.find(places).named("shared")


def test_names_that_are_no_utf_8_are_shown_and_told_apart(places: Places) -> None:
    for name in ("雨", "鱼"):
        a_file(places.own_models, os.fsdecode(name.encode("gbk")) + ".safetensors")
    found = models.find(places)
    assert [model.name for model in found.models] == [r"\xd3\xe3", r"\xd3\xea"]
    for model in found.models:
        model.name.encode()
        assert found.named(model.name) == model


def test_what_nobody_may_look_into_is_passed_over(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = a_file(places.own_models, "shut/mist.safetensors").parent
    a_file(places.own_models, "open/mist.safetensors")
    scandir = os.scandir

    def as_somebody(path: Path) -> object:
        if path == shut:
            raise PermissionError(13, "Permission denied")  # root may look everywhere
        return scandir(path)

    monkeypatch.setattr(os, "scandir", as_somebody)
    assert [model.name for model in models.find(places).models] == ["open/mist"]
