"""What a setup.toml may say: whatever else it says is refused with file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from images import folders, schema
from images.folders import SetupError
from tests.images.words import BASE, LAYER, SHARED, put, read


@pytest.fixture
def images(tmp_path: Path) -> Path:
    put(tmp_path, "base", BASE)
    (tmp_path / "base" / "requirements.txt").write_text("")
    (tmp_path / "base" / "make_practice_model.py").write_text("")
    put(tmp_path, "long-lens", LAYER)
    return tmp_path


def test_all_that_may_be_said_is_read(images: Path) -> None:
    setups = read(images)
    base, layer = setups["base"], setups["long-lens"]
    assert base.apps[0].health == "/healthz"
    assert base.install is not None and base.install.steps == ("make_practice_model.py",)
    assert (layer.extends, layer.size_mib, layer.avatar) == ("base", None, "petra-novak.webp")
    assert layer.models[0].size_bytes == 151_000_000
    assert layer.settings == {"steps": 28, "sampler": "euler"}
    assert layer.samples[0].prompt_zh == "夜雨中的路口"


def test_a_checksum_may_be_written_in_capitals(images: Path) -> None:
    put(images, "long-lens", LAYER.replace("0123456789abcdef" * 4, "0123456789ABCDEF" * 4))
    assert read(images)["long-lens"].models[0].sha256 == "0123456789abcdef" * 4


# what is spoiled · what it becomes · key that is named · reason that is given
BAD: list[tuple[str, str, str, str]] = [
    ("[settings]", "[colours]\nred = 1\n[settings]", "colours", "unknown key"),
    ('kind = "lora"', 'kind = "lora"\nstrength = 1', "models.0.strength", "unknown key"),
    ('sha256 = "0123', 'sha256 = "z123', "models.0.sha256", "64 characters of 0-9 and a-f"),
    ('sha256 = "0123', 'sha256 = "123', "models.0.sha256", "64 characters of 0-9 and a-f"),
    ('"0123456789abcdef', '"sha256:', "models.0.sha256", "64 characters"),
    ("https://models.", "http://models.", "models.0.url", "must begin with https://"),
    ("https://models.", "https://me:secret@models.", "models.0.url", "neither user nor password"),
    ("https://models.example.org/", "https:///", "models.0.url", "must name a host"),
    ('"grain.safetensors"', '"grain.ckpt"', "models.0.file", "safetensors only"),
    ('"grain.safetensors"', '"grain.PT"', "models.0.file", "safetensors only"),
    ('"grain.safetensors"', '"grain.pth"', "models.0.file", "safetensors only"),
    ('"grain.safetensors"', '"pytorch_model.bin"', "models.0.file", "safetensors only"),
    ('"grain.safetensors"', '"grain.gguf"', "models.0.file", "must end in .safetensors"),
    ('"grain.safetensors"', '"../grain.safetensors"', "models.0.file", "pattern"),
    ('kind = "lora"', 'kind = "unet"', "models.0.kind", "'checkpoint', 'lora'"),
    ("151_000_000", "0", "models.0.size_bytes", "greater than or equal to 1"),
    ('licence = "CC-BY-4.0"\nlicence_url', "licence_url", "models.0.licence", "required"),
    ("min_vram_mib = 14336\n", "", "min_vram_mib", "required"),
    ('commit = "89ab', 'commit = "9ab', "extensions.0.commit", "40 characters of 0-9 and a-f"),
    ('commit = "89abcdef', 'commit = "main', "extensions.0.commit", "40 characters"),
    ("https://code.", "git://code.", "extensions.0.url", "must begin with https://"),
    ("steps = 28\nsampler", "day = 2026-11-23\nsampler", "settings", "no dates"),
    ("steps = 28\nsampler", "steps = nan\nsampler", "settings", "no nan"),
    ("width = 768", "width = 770", "samples.0.width", "multiple of 8"),
    ("seed = 7", "seed = -1", "samples.0.seed", "greater than or equal to 0"),
    ('prompt = "a rainy crossing at night"\n', "", "samples.0.prompt", "required"),
    ('title = "Journal"', 'title = "Journal"\n, tag = "x"', "", "not valid TOML"),
    ("https://petra.example.org/journal", "data:text/html,x", "links.0.url", "https://"),
    ('"petra-novak.webp"', '"../petra.webp"', "avatar", "pattern"),
    ('version = "4.1"', 'version = "4/1"', "version", "pattern"),
    ('extends = "base"', 'extends = "nothing"', "extends", "unknown setup 'nothing'; known: base"),
    ('extends = "base"', 'extends = "long-lens"', "extends", "cannot extend itself"),
    ('extends = "base"', "", "size_mib", "required"),
    ("[settings]", "[install]\nsteps = []\n[settings]", "install", "comes from 'base'"),
    ('extends = "base"', 'extends = "base"\nimage = "a/b:1"', "image", "comes from 'base'"),
    (
        "[settings]",
        '[[apps]]\nname = "other"\nport = 8000\ntitle = "Other"\n[settings]',
        "apps",
        "comes from 'base'",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), BAD)
def test_a_bad_setup_is_refused_with_file_key_and_reason(
    images: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in LAYER
    file = put(images, "long-lens", LAYER.replace(old, new))
    with pytest.raises(SetupError) as refused:
        read(images)
    assert (refused.value.file, refused.value.key) == (file, key)
    assert reason in refused.value.reason
    assert str(refused.value).startswith(f"{file}: {key}")


BAD_BASES = [
    ("port = 7860\n", "", "apps.0.port", "required"),
    ('health = "/healthz"', 'health = "healthz"', "apps.0.health", "pattern"),
    ('health = "/healthz"', 'health = "/a b"', "apps.0.health", "pattern"),
    ('"requirements.txt"', '"../requirements.txt"', "install.requirements", "pattern"),
    ('"requirements.txt"', '"nothing.txt"', "install.requirements", "there is no 'nothing.txt'"),
    ('"make_practice_model.py"', '"gone.py"', "install.steps.0", "there is no 'gone.py'"),
    (
        "[install]",
        '[install]\nsource = { name = "webui", tree = "main" }',
        "install.source.tree",
        "40 characters",
    ),
    (
        "[install]",
        '[[apps]]\nname = "webui"\nport = 9000\ntitle = "Again"\n[install]',
        "apps.name",
        "'webui' stands there twice",
    ),
    (
        "[install]",
        '[[apps]]\nname = "files"\nport = 7860\ntitle = "Again"\n[install]',
        "apps.port",
        "7860 stands there twice",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "reason"), BAD_BASES)
def test_a_bad_recipe_is_refused_with_file_key_and_reason(
    images: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in BASE
    file = put(images, "base", BASE.replace(old, new))
    with pytest.raises(SetupError) as refused:
        read(images)
    assert (refused.value.file, refused.value.key) == (file, key)
    assert reason in refused.value.reason


def test_the_same_model_file_stands_there_once(images: Path) -> None:
    block = LAYER[LAYER.index("[[models]]") : LAYER.index("[[extensions]]")]
    put(images, "long-lens", LAYER.replace("[[extensions]]", f"{block}[[extensions]]"))
    with pytest.raises(SetupError, match=r"models\.file: lora/grain\.safetensors stands there"):
        read(images)
    other = block.replace('"lora"', '"vae"')  # the same name in another folder is another file
    put(images, "long-lens", LAYER.replace("[[extensions]]", f"{other}[[extensions]]"))
    assert len(read(images)["long-lens"].models) == 2


def test_only_one_level_of_layers(images: Path) -> None:
    put(images, "grain", LAYER.replace('extends = "base"', 'extends = "long-lens"'))
    with pytest.raises(SetupError, match=r"'long-lens' extends 'base' itself; one level only"):
        read(images)


def test_setups_that_share_a_recipe_and_creators_own_folders_are_found(
    images: Path, tmp_path: Path
) -> None:
    shared = images / "webui" / "setups"
    shared.mkdir(parents=True)
    (shared / "forge.toml").write_text(SHARED)
    (shared / "requirements-forge.txt").write_text("")
    own = tmp_path / "own"
    own.mkdir()
    put(own, "night-train", LAYER.replace('"base"', '"forge"'))
    found = folders.find(images, own)
    assert list(found) == ["base", "long-lens", "forge", "night-train"]
    assert found["forge"].folder == images / "webui"
    assert read(images, own)["night-train"].extends == "forge"


def test_a_name_is_taken_once(images: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    put(own, "base", BASE)
    found = folders.look(images, own)
    [taken] = found.left_out
    assert taken.error.file == own / "base" / "setup.toml"
    assert "'base' is taken by" in str(taken)
    assert found.places["base"].file == images / "base" / "setup.toml", "the first stays"


def test_the_further_folder_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(folders.SETTING, raising=False)
    assert folders.further() is None
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    assert folders.further() == tmp_path


OURS = {place.slug: place for place in folders.find().values()}


def test_what_we_ship_is_in_order() -> None:
    setups = schema.read(OURS)
    assert {"blank", "studio", "a1111", "forge", "comfyui"} <= set(setups)


def test_our_examples_are_of_many_hands_and_work_without_a_download() -> None:
    examples = {slug: setup for slug, setup in schema.read(OURS).items() if setup.extends}
    assert len(examples) >= 6
    assert len({setup.creator for setup in examples.values()}) == len(examples)
    assert len({setup.avatar for setup in examples.values()}) == len(examples)
    for slug, setup in examples.items():
        assert setup.avatar, slug
        assert not setup.models, f"{slug} fetches {setup.models}"
        assert setup.settings, slug
        assert len(setup.samples) >= 3, slug
        assert all(sample.prompt_zh for sample in setup.samples), slug
        addresses = [setup.creator_url, *(link.url for link in setup.links)]
        assert all(".example.org/" in str(address) for address in addresses), slug
    studio = [slug for slug, setup in examples.items() if setup.extends == "studio"]
    assert len(studio) >= 4, "these run on any installation"
