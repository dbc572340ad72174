"""A version is published once. What it consists of never changes afterwards."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal.catalog import offers, pictures, versions
from portal.catalog.models import Picture, Setup, SetupVersion
from tests.portal.catalog.conftest import Files

pytestmark = pytest.mark.django_db
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "


def load(files: Files, more: Path | None = None) -> str:
    out = io.StringIO()
    paths = {"plans": files.plans, "images": files.images, "setups": more}
    call_command("load_catalog", **paths, stdout=out, stderr=out)
    return out.getvalue().strip()


def refused(files: Files, more: Path | None = None) -> str:
    """Why the one that is left out is."""
    said, line = load(files, more).splitlines()
    assert said == "catalogue: nothing changed"
    assert line.startswith("left out: ")
    return line.removeprefix("left out: ")


def published(slug: str) -> dict[str, str]:
    return dict(SetupVersion.objects.filter(setup=slug).values_list("version", "digest"))


LAYER = """
title = { en = "Ink", zh = "墨" }
summary = { en = "Brush and ink.", zh = "笔墨。" }
creator = "Lu Xiaolu"
version = "1.0"
licence = "MIT"
min_vram_mib = 8192
extends = "night-train"
cover = "blank.webp"
settings = { steps = 20 }
samples = [{ prompt = "bamboo in rain", prompt_zh = "雨竹" }]
"""


def test_the_first_load_publishes_what_it_finds(files: Files) -> None:
    load(files)
    assert list(published("night-train")) == ["0.6"]
    row = Setup.objects.get(slug="night-train")
    assert row.digest == published("night-train")["0.6"]
    assert len(row.digest) == 64


def test_another_content_under_a_published_version_is_refused(files: Files) -> None:
    load(files)
    before = published("night-train")
    files.change(files.setup("night-train"), "port = 8082", "port = 8083")
    said = refused(files)
    assert said.startswith(f"{files.setup('night-train')}: version: ")
    assert "version 0.6 of night-train is published with other content" in said
    assert "give it a new version" in said
    assert published("night-train") == before
    assert Setup.objects.get(slug="night-train").apps[1]["port"] == 8082, "nothing half-written"


def test_a_file_beside_it_is_content_too(files: Files) -> None:
    load(files)
    (files.setup("night-train").parent / "start").write_text("#!/bin/sh\n")
    assert "published with other content" in refused(files)


def test_a_new_version_stands_beside_the_old_one(files: Files) -> None:
    load(files)
    files.change(files.setup("night-train"), "port = 8082", "port = 8083")
    files.change(files.setup("night-train"), 'version = "0.6"', 'version = "0.7"')
    assert load(files) == "catalogue: changed night-train"
    assert sorted(published("night-train")) == ["0.6", "0.7"]
    setup = Setup.objects.get(slug="night-train")
    assert (setup.version, setup.apps[1]["port"]) == ("0.7", 8083)
    old = versions.edition(setup, "0.6")
    assert old is not None and old.superseded
    assert (old.version, old.apps[1]["port"]) == ("0.6", 8082)
    assert old.digest == published("night-train")["0.6"]
    assert setup.version == "0.7", "the row itself is another thing"
    assert versions.edition(setup, "0.5") is None
    assert versions.edition(setup, "0.7") is setup


def test_words_about_it_may_change_under_the_same_version(files: Files) -> None:
    load(files)
    before = published("night-train")
    files.change(files.setup("night-train"), "Ink landscapes.", "Ink landscapes, by night.")
    assert load(files) == "catalogue: changed night-train"
    assert published("night-train") == before
    assert Setup.objects.get(slug="night-train").summary_en == "Ink landscapes, by night."


def test_a_version_in_the_works_may_change_and_so_may_what_extends_it(files: Files) -> None:
    files.change(files.setup("night-train"), 'version = "0.6"', 'version = "0.7-dev"')
    files.write("ink", LAYER)
    load(files)
    before = published("night-train") | published("ink")
    files.change(files.setup("night-train"), "port = 8082", "port = 8083")
    assert load(files) == "catalogue: changed night-train, ink"
    after = published("night-train") | published("ink")
    assert set(after) == set(before)
    assert all(after[version] != before[version] for version in before)
    # Once it is done it has its own name, and that one stays.
    files.change(files.setup("night-train"), "0.7-dev", "0.7")
    files.change(files.setup("ink"), 'version = "1.0"', 'version = "1.1"')
    load(files)
    files.change(files.setup("night-train"), "port = 8083", "port = 8084")
    said, *lines = load(files).splitlines()
    assert said == "catalogue: nothing changed"
    assert "published with other content" in lines[0]
    assert "ink/setup.toml: extends: 'night-train' is left out itself" in lines[1]


def test_what_extends_another_changes_with_it(files: Files) -> None:
    files.write("ink", LAYER)
    load(files)
    files.change(files.setup("night-train"), "port = 8082", "port = 8083")
    files.change(files.setup("night-train"), 'version = "0.6"', 'version = "0.7"')
    said, line = load(files).splitlines()
    assert said == "catalogue: changed night-train"
    assert "version 1.0 of ink is published" in line
    assert "or in 'night-train', which it extends" in line
    ink = Setup.objects.get(slug="ink")
    assert ([app["port"] for app in ink.apps], ink.left_out) == ([7860, 8082], True)


def test_what_extends_another_has_its_apps_webui_and_size(files: Files) -> None:
    files.write("ink", LAYER)
    load(files)
    setup = Setup.objects.get(slug="ink")
    assert (setup.webui, setup.size_mib, setup.extends) == ("Some WebUI", 38_000, "night-train")
    assert [app["port"] for app in setup.apps] == [7860, 8082]
    assert setup.image == "", "the base's image has nothing of this layer"
    assert setup.samples[0]["prompt_zh"] == "雨竹"
    assert setup.settings == {"steps": 20}


def test_a_folder_outside_the_checkout_brings_setups_and_pictures(
    files: Files, tmp_path: Path, client: Client
) -> None:
    own = tmp_path / "own"
    (own / "ink").mkdir(parents=True)
    text = LAYER.replace('"blank.webp"', '"ink.webp"\navatar = "lu.webp"')
    (own / "ink" / "setup.toml").write_text(text)
    (own / "ink" / "ink.webp").write_bytes(WEBP + b"cover")
    (own / "ink" / "lu.webp").write_bytes(WEBP + b"avatar")
    assert "ink" in load(files, own)
    setup = Setup.objects.get(slug="ink")
    address = pictures.address(setup.cover)
    answer = client.get(address)
    assert (answer.status_code, answer.content) == (200, WEBP + b"cover")
    assert answer.headers["Content-Type"] == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(pictures.address(setup.avatar)).content == WEBP + b"avatar"
    assert client.get(address.replace(".webp", ".gif")).status_code == 404
    assert load(files, own) == "catalogue: nothing changed"
    assert Picture.objects.count() == 2
    # A new picture is no new version, and has another address.
    (own / "ink" / "ink.webp").write_bytes(WEBP + b"another")
    assert load(files, own) == "catalogue: changed ink"
    assert pictures.address(Setup.objects.get(slug="ink").cover) != address
    assert load(files) == "catalogue: withdrew ink"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"GIF89a", "not a WebP"), (WEBP + bytes(300_001), "larger than 300000 bytes")],
)
def test_a_picture_that_is_none_is_refused(
    files: Files, tmp_path: Path, data: bytes, reason: str
) -> None:
    folder = tmp_path / "own" / "ink"
    folder.mkdir(parents=True)
    (folder / "setup.toml").write_text(LAYER)
    (folder / "blank.webp").write_bytes(data)
    line = load(files, tmp_path / "own").splitlines()[-1]
    assert line.startswith(f"left out: {folder / 'setup.toml'}: cover: blank.webp is {reason}")
    assert {setup.slug for setup in offers.setups()} == {"blank", "night-train"}


def test_a_further_folder_that_is_not_there_is_named(files: Files, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="ATELIER_SETUPS_FOLDER"):
        load(files, tmp_path / "nowhere")


def test_a_withdrawn_setup_keeps_its_versions(files: Files) -> None:
    load(files)
    files.setup("night-train").unlink()
    load(files)
    assert [setup.slug for setup in offers.setups()] == ["blank"]
    assert list(published("night-train")) == ["0.6"]
