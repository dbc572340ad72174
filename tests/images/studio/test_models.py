"""Which models are offered: the person's own and the shared ones, and none that runs a program."""

from __future__ import annotations

from pathlib import Path

from studio import models
from studio.places import Places


def a_file(folder: Path, name: str) -> Path:
    path = folder / "checkpoints" / name
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
