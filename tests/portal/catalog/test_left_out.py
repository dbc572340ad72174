"""One creator's mistake is one creator's: the others' setups load, and staff are told."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from images.folders import SETTING
from portal.accounts.models import User
from portal.catalog import offers
from portal.catalog.models import Plan, Setup, SetupVersion, Trouble
from tests.portal.catalog.conftest import NIGHT_TRAIN, Files
from tests.portal.catalog.test_versions import LAYER, WEBP, load

pytestmark = pytest.mark.django_db
RAIN = LAYER.replace('"Ink"', '"Rain"').replace('"墨"', '"雨"')


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Creators' own folders: Rain, which is in order, and another that is about to be spoilt."""
    folder = tmp_path / "more"
    for slug, text in (("rain", RAIN), ("ink", LAYER)):
        (folder / slug).mkdir(parents=True)
        (folder / slug / "setup.toml").write_text(text)
    return folder


def rewritten(words: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(words, encoding="utf-8")


def as_bytes(data: bytes) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(data) and None


def beside(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda file: (file.parent / name).write_bytes(data) and None


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        file.unlink()
        make(file)

    return spoil


def bad_folder(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        shutil.rmtree(file.parent)
        make(file.parent)

    return spoil


def moved(name: str) -> Callable[[Path], None]:
    return lambda file: file.rename(file.with_name(name)) and None


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "no TOML": (rewritten("extends = "), "not valid TOML"),
    "UTF-16": (as_bytes(LAYER.encode("utf-16")), "UTF-16.*save it again as UTF-8"),
    "GBK": (as_bytes(LAYER.encode("gbk")), "GBK.*save it again as UTF-8"),
    "nested": (rewritten(f"x = {'[' * 40_000}"), "nested too deeply|not valid TOML"),
    "a number without end": (rewritten(f"x = {'9' * 5000}"), "not valid TOML"),
    "huge": (lambda file: os.truncate(file, 100 << 20), "larger than"),
    "NUL": (rewritten(LAYER.replace("20 }", '20, x = "\\u0000" }')), "character NUL"),
    "a key that is no text": (rewritten('"\\u0000" = 1\n' + LAYER), "unknown key"),
    "a long key": (rewritten(f'"{"x" * 9000}" = 1\n' + LAYER), "unknown key"),
    "a folder": (instead(Path.mkdir), "cannot be read"),
    "a pipe": (instead(os.mkfifo), "cannot be read: it is no file"),
    "a link to nowhere": (instead(lambda file: file.symlink_to("gone")), "not there"),
    "a link to itself": (instead(lambda file: file.symlink_to(file)), "cannot be read"),
    "an endless file": (instead(lambda file: file.symlink_to("/dev/zero")), "it is no file"),
    "no file": (Path.unlink, r"there is no setup\.toml in it$"),
    "hidden end": (moved("setup.toml.txt"), r"but a 'setup\.toml\.txt': is that it\?"),
    "capitals": (moved("Setup.TOML"), r"but a 'Setup\.TOML': is that it\?"),
    "a link for a folder": (bad_folder(lambda path: path.symlink_to("gone")), "not there"),
    "unknown base": (rewritten(LAYER.replace('"night-train"', '"gone"')), "unknown setup 'gone'"),
    "no such cover": (rewritten(LAYER.replace("blank.webp", "gone.webp")), "no 'gone.webp'"),
    "a cover that is none": (beside("blank.webp", b"GIF89a"), "not a WebP"),
    "changed": (beside("words.txt", b"later"), "published with other content"),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_wrong_is_left_out_and_everything_else_is_there(
    files: Files, more: Path, how: str
) -> None:
    load(files, more)
    before = Setup.objects.filter(slug="ink").values().get()
    spoil, reason = SPOILT[how]
    spoil(more / "ink" / "setup.toml")
    # The others' news is taken, all the same.
    (more / "rain" / "setup.toml").write_text(RAIN.replace('"1.0"', '"1.1"'))
    said, *lines = load(files, more).splitlines()
    assert said == "catalogue: changed rain", "nothing of it withdrawn"
    [line] = lines
    assert line.startswith(f"left out: {more / 'ink'}")
    [wrong] = Trouble.objects.all()
    assert wrong.slug == "ink"
    assert re.search(reason, wrong.reason), wrong.reason
    assert Setup.objects.filter(slug="ink").values().get() == before | {"left_out": True}
    assert list(SetupVersion.objects.filter(setup="ink").values_list("version", flat=True)) == [
        "1.0"
    ]
    assert load(files, more).splitlines() == ["catalogue: nothing changed", line], "told again"


@pytest.mark.parametrize("how", SPOILT)
def test_a_first_load_does_without_it(files: Files, more: Path, how: str) -> None:
    if how == "changed":
        pytest.skip("it was never published, so nothing is changed")
    spoil, _reason = SPOILT[how]
    spoil(more / "ink" / "setup.toml")
    load(files, more)
    assert {setup.slug for setup in offers.setups()} == {"blank", "night-train", "rain"}
    assert Trouble.objects.count() == 1


def test_it_is_taken_again_once_it_is_in_order(files: Files, more: Path) -> None:
    load(files, more)
    file = more / "ink" / "setup.toml"
    file.write_text("x")
    load(files, more)
    since = Trouble.objects.get().since
    file.write_text("[")
    load(files, more)
    assert Trouble.objects.get().since == since, "since when it is wrong"
    file.write_text(LAYER)
    assert load(files, more) == "catalogue: nothing changed"
    assert not Trouble.objects.exists()
    assert not Setup.objects.filter(left_out=True).exists()


def test_what_windows_writes_is_as_good(files: Files, more: Path) -> None:
    load(files, more)
    digest = Setup.objects.get(slug="ink").digest
    text = f"\ufeff{LAYER}".replace("\n", "\r\n")
    (more / "ink" / "setup.toml").write_bytes(text.encode())
    files.plans.write_bytes(f"\ufeff{files.plans.read_text()}".replace("\n", "\r\n").encode())
    assert load(files, more) == "catalogue: nothing changed"
    assert Setup.objects.get(slug="ink").digest == digest


def test_what_extends_it_is_left_out_with_that_reason(files: Files, more: Path) -> None:
    load(files, more)
    files.setup("night-train").write_text(NIGHT_TRAIN.replace("0.6", "0/6"))
    assert len(load(files, more).splitlines()) == 4
    wrong = {row.slug: row for row in Trouble.objects.all()}
    assert set(wrong) == {"night-train", "ink", "rain"}
    assert wrong["ink"].key == "extends"
    assert wrong["ink"].reason.startswith("'night-train' is left out itself: ")
    assert {setup.slug for setup in offers.setups()} == {"blank", "night-train", "ink", "rain"}


def test_a_layer_is_not_published_on_a_base_that_was_refused(files: Files, more: Path) -> None:
    load(files, more)
    files.change(files.setup("night-train"), "port = 8082", "port = 8083")
    (more / "ink" / "setup.toml").write_text(LAYER.replace('"1.0"', '"1.1"'))
    load(files, more)
    assert not SetupVersion.objects.filter(setup="ink", version="1.1").exists()
    assert [app["port"] for app in Setup.objects.get(slug="ink").apps] == [7860, 8082]


def test_a_name_is_taken_once_and_the_first_keeps_it(files: Files, more: Path) -> None:
    (more / "night-train").mkdir()
    (more / "night-train" / "setup.toml").write_text(RAIN)
    (more / "Rainy Streets").mkdir()
    (more / "Rainy Streets" / "setup.toml").write_text(RAIN)
    (more / os.fsdecode("\u96e8".encode("gbk"))).mkdir()
    load(files, more)
    assert Setup.objects.get(slug="night-train").title_en == "Night Train"
    reasons = sorted(Trouble.objects.values_list("reason", flat=True))
    assert [reason.split(" ")[0] for reason in reasons] == ["'night-train'", "the", "there"]


def test_a_file_that_nobody_may_read_is_left_out(
    files: Files, more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(files, more)
    locked, opened = str(more / "ink"), os.open

    def as_somebody(path: object, flags: int, *rest: int) -> int:
        if str(path).startswith(locked):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", as_somebody)  # root may read everything
    assert load(files, more).splitlines()[1].endswith("cannot be read: Permission denied")
    assert {setup.slug for setup in offers.setups()} == {"blank", "night-train", "ink", "rain"}


def test_what_the_database_does_not_take_is_left_out_too(
    files: Files, more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap in the schema, as there may be one."""
    from portal.catalog import loading

    columns = loading._setup_columns

    def gap(found: loading.Found) -> dict[str, object]:
        words = {"licence": "a\0b"} if found.place.slug == "ink" else {}
        return columns(found) | words

    monkeypatch.setattr(loading, "_setup_columns", gap)
    assert "the database does not take it" in load(files, more).splitlines()[1]
    assert {setup.slug for setup in offers.setups()} == {"blank", "night-train", "rain"}


# --- The site's own file ------------------------------------------------------------------------


def prepare(*words: str) -> str:
    out = io.StringIO()
    call_command("prepare", *words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def bad_plans(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The plans that `prepare` loads."""
    from portal.management.commands import load_catalog

    monkeypatch.setattr(load_catalog, "PLANS", files.plans)
    monkeypatch.setattr(load_catalog, "IMAGES", files.images)
    monkeypatch.delenv(SETTING, raising=False)
    return files


def test_a_platform_with_plans_comes_up_with_those_it_has(bad_plans: Files) -> None:
    prepare("--as-it-was")
    before = list(Plan.objects.values())
    good = bad_plans.plans.read_text()
    bad_plans.plans.write_text(good.replace("1_980_000", "19.8"))
    said = prepare("--as-it-was")
    assert f"left out: {bad_plans.plans}: plans.aigc-a4000.running_micros_per_hour" in said
    assert "plans, prices and setups are as they were" in said
    assert list(Plan.objects.values()) == before
    assert Trouble.objects.get().file == str(bad_plans.plans)
    with pytest.raises(CommandError, match="running_micros_per_hour"):
        prepare()  # on a cluster, where what runs there runs on
    bad_plans.plans.write_text(good)
    prepare("--as-it-was")
    assert not Trouble.objects.exists()


def test_a_platform_without_plans_has_nothing_to_come_up_with(bad_plans: Files) -> None:
    bad_plans.plans.write_text("currency = ")
    with pytest.raises(CommandError, match="not valid TOML"):
        prepare("--as-it-was")


# --- What staff see -----------------------------------------------------------------------------


@pytest.fixture
def staff(olga: User) -> Client:
    Authenticator.objects.create(user=olga, type="totp", data={"secret": "x"})
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(olga)
    return browser


@pytest.mark.parametrize("page", ["setup", "trouble"])
def test_staff_see_which_file_which_key_and_why(
    files: Files, more: Path, staff: Client, page: str
) -> None:
    load(files, more)
    address = f"/staff/catalog/{page}/"
    assert "of the catalogue" not in staff.get(address).content.decode()
    (more / "ink" / "setup.toml").write_text(LAYER.replace("8192", '"<b>8192</b>"'))
    load(files, more)
    seen = staff.get(address).content.decode()
    assert "1 file of the catalogue is left out" in seen
    assert "/staff/catalog/trouble/" in seen
    if page == "trouble":
        assert str(more / "ink" / "setup.toml") in seen
        assert "min_vram_mib" in seen
    chinese = staff.get(address, headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "目录中有 1 个文件有误，未载入。" in chinese


def test_pictures_of_a_folder_are_taken_all_the_same(files: Files, more: Path) -> None:
    (more / "ink" / "blank.webp").write_bytes(WEBP)
    load(files, more)
    assert not Trouble.objects.exists()
