"""The catalogue comes from its files: whole or not at all, and twice is once."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.pricing import publishing
from billing.pricing.models import PriceBook
from portal.catalog import loading, offers
from portal.catalog.loading import CatalogError
from portal.catalog.models import GpuClass, Plan, Setup, Trouble
from tests.portal.catalog.conftest import Files

ROOT = Path(__file__).resolve().parents[3]


def load(files: Files) -> str:
    out = io.StringIO()
    call_command("load_catalog", plans=files.plans, images=files.images, stdout=out, stderr=out)
    return out.getvalue().strip()


def rows() -> dict[str, Any]:
    tables = (GpuClass, Plan, Setup)
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


@pytest.mark.django_db
def test_it_loads_what_the_files_say(files: Files) -> None:
    said = load(files)
    assert said == (
        "catalogue: added rtx-a4000, aigc-a4000, files, blank, night-train; published price book 1"
    )
    plan = Plan.objects.select_related("gpu_class").get(slug="aigc-a4000")
    assert (plan.vcpus, plan.memory_mib, plan.disk_gib, plan.gpu_count) == (16, 32768, 300, 1)
    assert plan.gpu_class is not None and plan.vram_mib == 16384
    assert plan.gpu_class.resource == "nvidia.com/gpu"
    assert plan.gpu_class.node_labels == {"nvidia.com/gpu.product": "NVIDIA-RTX-A4000"}
    files_plan = Plan.objects.get(slug="files")
    assert (files_plan.gpu_class, files_plan.gpu_count, files_plan.vram_mib) == (None, 0, 0)
    setup = Setup.objects.get(slug="night-train")
    assert (setup.title_zh, setup.webui, setup.min_vram_mib) == ("夜车", "Some WebUI", 14336)
    assert [(app["name"], app["port"]) for app in setup.apps] == [("webui", 7860), ("files", 8082)]
    prices = publishing.current()
    assert prices is not None and prices.currency == "CNY"
    assert prices.of("aigc-a4000") == publishing.Price(1_980_000, 25_000)


@pytest.mark.django_db
def test_twice_changes_nothing(files: Files) -> None:
    load(files)
    before = rows()
    assert load(files) == "catalogue: nothing changed"
    assert rows() == before
    assert PriceBook.objects.count() == 1


@pytest.mark.django_db
def test_it_says_what_changed(files: Files) -> None:
    load(files)
    files.change(files.plans, "vcpus = 16", "vcpus = 12")
    files.change(files.plans, "1_980_000", "2_100_000")
    assert load(files) == "catalogue: changed aigc-a4000; published price book 2"
    assert Plan.objects.get(slug="aigc-a4000").vcpus == 12


@pytest.mark.django_db
def test_what_left_the_files_is_withdrawn_and_can_come_back(files: Files) -> None:
    load(files)
    text = files.setup("night-train").read_text()
    files.setup("night-train").unlink()
    assert load(files) == "catalogue: withdrew night-train"
    assert [setup.slug for setup in offers.setups()] == ["blank"]
    assert Setup.objects.filter(slug="night-train", offered=False).exists(), "kept, for the past"
    files.write("night-train", text)
    assert load(files) == "catalogue: changed night-train"
    assert [setup.slug for setup in offers.setups()] == ["blank", "night-train"]


@pytest.mark.django_db
def test_a_plan_leaves_with_its_table(files: Files) -> None:
    load(files)
    text = files.plans.read_text()
    files.plans.write_text(text[: text.index("[plans.files]")])
    assert load(files) == "catalogue: withdrew files; published price book 2"
    assert [plan.slug for plan in offers.plans()] == ["aigc-a4000"]


@pytest.mark.django_db
def test_a_setup_that_is_not_offered_cannot_be_had(files: Files) -> None:
    files.change(files.setup("night-train"), 'cover = "night', 'offered = false\ncover = "night')
    load(files)
    assert [setup.slug for setup in offers.setups()] == ["blank"]


@pytest.mark.django_db
def test_plans_stand_in_the_order_of_the_file(files: Files) -> None:
    load(files)
    assert [plan.slug for plan in offers.plans()] == ["aigc-a4000", "files"]
    text = files.plans.read_text()
    head, a4000, rest = text.partition("[plans.aigc-a4000]")[0], *text.split("[plans.")[1:]
    files.plans.write_text(f"{head}[plans.{rest}\n[plans.{a4000}")
    load(files)
    assert [plan.slug for plan in offers.plans()] == ["files", "aigc-a4000"]


# file · what is spoiled · key that is named · reason that is given
BAD: list[tuple[str, str, str, str, str]] = [
    ("plans", "vcpus = 16", "vcpus = ", "", "not valid TOML"),
    ("plans", "vcpus = 16", "vcpus = 16.5", "plans.aigc-a4000.vcpus", "valid integer"),
    ("plans", "vcpus = 16", 'vcpus = "16"', "plans.aigc-a4000.vcpus", "valid integer"),
    ("plans", "vcpus = 16", "vcpus = true", "plans.aigc-a4000.vcpus", "valid integer"),
    ("plans", "vcpus = 16", "vcpus = 0", "plans.aigc-a4000.vcpus", "greater than or equal to 1"),
    ("plans", "vcpus = 16", "cores = 16", "plans.aigc-a4000.vcpus", "required"),
    ("plans", "vcpus = 16", "vcpus = 16\nram = 1", "plans.aigc-a4000.ram", "not permitted"),
    ("plans", "disk_gib = 300", "disk_gib = 99_999_999_999", "plans.aigc-a4000.disk_gib", "less"),
    ("plans", "1_980_000", "-1", "plans.aigc-a4000.running_micros_per_hour", "greater than"),
    ("plans", "1_980_000", "1.98", "plans.aigc-a4000.running_micros_per_hour", "valid integer"),
    (
        "plans",
        'class = "rtx-a4000"',
        'class = "rtx"',
        "plans.aigc-a4000.gpu.class",
        "unknown class",
    ),
    ("plans", "count = 1", "count = 0", "plans.aigc-a4000.gpu.count", "greater than"),
    ("plans", "vram_mib = 16384", "vram_mib = 16", "gpu_classes.rtx-a4000.vram_mib", "greater"),
    ("plans", "The usual one.", "", "plans.aigc-a4000.summary.en", "at least 1 character"),
    ("plans", "The usual one.", "a\\u0000b", "plans.aigc-a4000.summary.en", "pattern"),
    ("plans", ', zh = "常用。"', "", "plans.aigc-a4000.summary.zh", "required"),
    ("plans", "[plans.files]", "[plans.Big_Files]", "plans.Big_Files", "pattern"),
    ("plans", '"CNY"', '"yuan"', "currency", "pattern"),
    ("plans", '"CNY"', '"XYZ"', "currency", "'XYZ' is not one of CNY"),
    ("plans", "\ncurrency", "\ncolour = 1\ncurrency", "colour", "not permitted"),
    ("setup", 'version = "0.6"', "version = 0.6", "version", "valid string"),
    ("setup", "min_vram_mib = 14336", "min_vram_mib = -1", "min_vram_mib", "greater than"),
    ("setup", "port = 7860", "port = 80", "apps.0.port", "greater than or equal to 1024"),
    ("setup", "port = 8082", "port = 7860", "apps.port", "7860 stands there twice"),
    ("setup", 'name = "files"', 'name = "webui"', "apps.name", "'webui' stands there twice"),
    ("setup", 'name = "files"', 'name = "a b"', "apps.1.name", "pattern"),
    ("setup", '"https://example.org/mo"', '"javascript:alert(1)"', "creator_url", "https://"),
    ("setup", '"night-train.webp"', '"../../etc/passwd"', "cover", "pattern"),
    ("setup", 'licence = "MIT"', "", "licence", "required"),
    ("setup", 'licence = "MIT"', 'licence = "MIT"\noffered = "yes"', "offered", "valid boolean"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "new", "key", "reason"), [row[1:] for row in BAD if row[0] == "plans"]
)
def test_a_bad_plans_file_is_named_with_key_and_reason_and_changes_nothing(
    files: Files, old: str, new: str, key: str, reason: str
) -> None:
    load(files)
    before = rows()
    # Something good comes first: it must not be written either.
    files.change(files.setup("blank"), 'version = "1.0"', 'version = "1.1"')
    files.change(files.plans, old, new)
    with pytest.raises(CommandError) as failed:
        load(files)
    said = str(failed.value)
    assert said.startswith(f"{files.plans}: {key + ': ' if key else ''}")
    assert reason in said
    assert "\n" not in said
    assert rows() == before
    assert PriceBook.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "new", "key", "reason"), [row[1:] for row in BAD if row[0] == "setup"]
)
def test_a_bad_setup_is_named_with_key_and_reason_and_stays_as_it_was(
    files: Files, old: str, new: str, key: str, reason: str
) -> None:
    load(files)
    before = Setup.objects.filter(slug="night-train").values().get()
    files.change(files.setup("blank"), 'version = "1.0"', 'version = "1.1"')
    file = files.setup("night-train")
    files.change(file, old, new)
    assert load(files).startswith("catalogue: changed blank")
    [wrong] = Trouble.objects.all()
    assert (wrong.file, wrong.slug, wrong.key) == (str(file), "night-train", key)
    assert reason in wrong.reason
    assert "\n" not in wrong.reason
    after = Setup.objects.filter(slug="night-train").values().get()
    assert after == before | {"left_out": True}


def test_files_that_are_not_there_are_named(files: Files) -> None:
    with pytest.raises(CatalogError, match=r"nowhere\.toml: there is no such file"):
        loading.read(plans=files.root / "nowhere.toml", images=files.images)
    with pytest.raises(CatalogError, match="cannot be read"):
        loading.read(plans=files.images, images=files.images)
    with pytest.raises(CatalogError, match=r"no setup\.toml"):
        loading.read(plans=files.plans, images=files.root / "nowhere")
    files.plans.write_bytes(b"\xff")
    with pytest.raises(CatalogError, match="not valid TOML"):
        loading.read(plans=files.plans, images=files.images)


def test_no_plans_at_all_is_a_mistake(files: Files) -> None:
    files.plans.write_text('currency = "CNY"\n[plans]\n')
    with pytest.raises(CatalogError, match="plans: "):
        loading.read(plans=files.plans, images=files.images)


@pytest.mark.django_db(transaction=True)
def test_two_loaders_at_once_load_once(files: Files) -> None:
    together = threading.Barrier(4)

    def one(_number: int) -> str:
        try:
            together.wait(20)
            return load(files)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one, range(4)))
    assert [line == "catalogue: nothing changed" for line in said].count(True) == 3
    assert PriceBook.objects.count() == 1


@pytest.mark.django_db
def test_what_we_ship_loads_and_holds_what_was_promised() -> None:
    out = io.StringIO()
    call_command("load_catalog", stdout=out)
    a4000 = Plan.objects.select_related("gpu_class").get(slug="aigc-a4000")
    assert (a4000.vcpus, a4000.memory_mib, a4000.disk_gib) == (16, 32 * 1024, 300)
    assert (a4000.gpu_count, a4000.vram_mib) == (1, 16 * 1024)
    cards = [plan.vram_mib for plan in offers.plans() if plan.gpu_class]
    assert min(cards) < a4000.vram_mib < max(cards), "a smaller and a larger one"
    prices = publishing.current()
    assert prices is not None
    for plan in offers.plans():
        assert prices.of(plan.slug).running_micros_per_hour > 0
        assert plan.gpu_class is None or plan.gpu_class.node_labels
        assert len(plan.summary_zh) < len(plan.summary_en)
    files_price = prices.of("files").running_micros_per_hour
    assert files_price * 5 <= prices.of("aigc-a4000").running_micros_per_hour
    blank = next(setup for setup in offers.setups() if setup.slug == "blank")
    assert all(offers.fits(plan, blank).ok for plan in offers.plans())
    for setup in offers.setups():
        cover = ROOT / "portal" / "static" / "covers" / setup.cover
        assert cover.is_file(), f"{setup.slug} has no cover at {cover}"
        assert any(offers.fits(plan, setup).ok for plan in offers.plans())


def test_a_folder_of_setups_that_nobody_may_look_into_is_named(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look like an empty one, and everything in it would be withdrawn."""
    shut = tmp_path / "shut"
    shut.mkdir()
    loading.read(plans=files.plans, images=files.images, more=shut)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != shut)
    with pytest.raises(CatalogError, match=r"shut: user \d+ may not look into it"):
        loading.read(plans=files.plans, images=files.images, more=shut)
