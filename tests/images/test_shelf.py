"""Setups are prepared once, go on where they were cut short, and share what is equal."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from images import digest as digests
from images import folders, install
from images.install import InstallFailed
from images.recipes import RecipeError
from images.shelf import NotHere, Shelf
from tests.images.recipes import STEP, a_setup, a_wheel, line


def quiet(*_: object) -> None:
    pass


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def shelf(tmp_path: Path, images: Path) -> Shelf:
    place = tmp_path / "shelf"
    return Shelf(place, place / "models", images=images, more=tmp_path / "further")


@pytest.fixture
def tiny(images: Path, tmp_path: Path) -> Path:
    listed = line(a_wheel(tmp_path / "wheels"))
    return a_setup(images, requirements=listed, steps={"make.py": STEP})


@pytest.mark.usefixtures("tiny")
def test_a_setup_is_prepared_whole_with_its_environment(shelf: Shelf) -> None:
    assert shelf.find("tiny", "1.0") is None
    assert not shelf.effortless("tiny")
    told: list[tuple[str, int, int, str]] = []
    prepared = shelf.prepare("tiny", lambda *said: told.append(said))
    assert shelf.find("tiny", "1.0") == prepared
    word, prefix = (prepared.setup / "made" / "by-step.txt").read_text().split()
    assert word == "hello"
    assert Path(prefix).name.startswith("env-")
    assert [what for what, *_ in told] == ["packages", "compile", "steps"]
    python = prepared.setup / "env" / "bin" / "python"
    code = "import tiny_atelier, sys; print(tiny_atelier.__cached__)"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert Path(said.stdout.strip()).exists()  # its bytecode: nothing may be written there later


@pytest.mark.usefixtures("tiny")
def test_it_still_works_where_the_whole_shelf_is_moved(shelf: Shelf, tmp_path: Path) -> None:
    prepared = shelf.prepare("tiny", quiet)
    moved = shelf.folder.rename(tmp_path / "elsewhere")
    python = moved / prepared.setup.name / "env" / "bin" / "python"
    subprocess.run([python, "-c", "import tiny_atelier"], check=True)


@pytest.mark.usefixtures("tiny")
def test_what_is_prepared_is_not_prepared_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shelf.prepare("tiny", quiet)
    monkeypatch.setattr(install, "_run", lambda *_, **__: pytest.fail("it did something"))
    assert shelf.prepare("tiny", quiet) == first


def test_a_wrong_checksum_fails_with_the_reason_and_leaves_nothing_usable(
    images: Path, shelf: Shelf, tmp_path: Path
) -> None:
    wheel = a_wheel(tmp_path / "wheels")
    listed = line(wheel)
    a_wheel(tmp_path / "wheels", word="tampered")
    a_setup(images, requirements=listed)
    with pytest.raises(InstallFailed, match=r"(?i)hash"):
        shelf.prepare("tiny", quiet)
    assert shelf.find("tiny", "1.0") is None


def test_after_a_failure_it_goes_on_where_it_stopped(
    images: Path, shelf: Shelf, tmp_path: Path
) -> None:
    wheels = [a_wheel(tmp_path / "wheels", f"tiny_{n}") for n in range(install.AT_ONCE + 1)]
    listed = "".join(line(wheel) for wheel in wheels)
    last = wheels[-1].rename(tmp_path / "away.whl")
    a_setup(images, requirements=listed)
    with pytest.raises(InstallFailed):
        shelf.prepare("tiny", quiet)
    last.rename(wheels[-1])
    for wheel in wheels[:-1]:
        wheel.unlink()  # not needed again
    told: list[int] = []
    shelf.prepare("tiny", lambda what, done, *_: told.append(done) if what == "packages" else None)
    assert told == [install.AT_ONCE]


def test_equal_requirements_share_one_environment(
    images: Path, shelf: Shelf, tmp_path: Path
) -> None:
    listed = line(a_wheel(tmp_path / "wheels"))
    for slug in ("one", "two"):
        a_setup(images, slug, requirements=listed)
    places = {shelf.prepare(slug, quiet).setup for slug in ("one", "two")}
    assert len(places) == 2
    assert len({(place / "env").resolve() for place in places}) == 1
    assert shelf.remove("one") == [next(p.name for p in places if p.name.startswith("one"))]
    assert shelf.find("two") is not None
    gone = shelf.remove("two")
    assert [name.partition("-")[0] for name in gone] == ["two", "env"]
    assert not list(shelf.folder.glob("env-*"))


def test_two_who_want_the_same_prepare_it_once(shelf: Shelf, images: Path, tmp_path: Path) -> None:
    count = "open('/dev/stdout', 'w').close()\nopen('runs', 'a').write('x')\n"
    listed = line(a_wheel(tmp_path / "wheels"))
    a_setup(images, requirements=listed, steps={"count.py": count})
    threads = [threading.Thread(target=shelf.prepare, args=("tiny", quiet)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    prepared = shelf.find("tiny")
    assert prepared is not None
    assert (prepared.setup / "runs").read_text() == "x"


def test_a_creators_layer_lies_on_top_of_the_setup_that_it_extends(
    shelf: Shelf, tmp_path: Path, tiny: Path
) -> None:
    folder = a_setup(tmp_path / "further", "ink", version="3.2", more='extends = "tiny"')
    (folder / "notes.txt").write_text("by hand")
    prepared = shelf.prepare("ink", quiet)
    assert prepared.setup == shelf.prepare("tiny", quiet).setup
    assert prepared.creator is not None
    assert (prepared.creator / "notes.txt").read_text() == "by hand"


def test_an_older_version_stays_as_long_as_it_is_on_the_shelf(
    shelf: Shelf, images: Path, tmp_path: Path, tiny: Path
) -> None:
    a_setup(tmp_path / "further", "ink", version="1.0", more='extends = "tiny"')
    old = shelf.prepare("ink", quiet)
    a_setup(tmp_path / "further", "ink", version="1.1", more='extends = "tiny"')
    new = shelf.prepare("ink", quiet)
    assert shelf.find("ink", "1.0") == old != new == shelf.find("ink", "1.1")
    with pytest.raises(NotHere, match=r"0\.9"):
        shelf.find("ink", "0.9")


def test_what_was_published_is_had_whatever_becomes_of_its_folder(
    shelf: Shelf, tmp_path: Path, tiny: Path
) -> None:
    file = a_setup(tmp_path / "further", "ink", version="1.0", more='extends = "tiny"')
    old = shelf.prepare("ink", quiet)
    assert old.creator is not None
    digest = digests.of("ink", folders.find(shelf.images, shelf.more))
    (file / "notes.txt").write_text("changed, under the same version")
    assert shelf.find("ink", "1.0", digest) == old
    with pytest.raises(NotHere, match=r"1\.0 of ink is not on this machine"):
        shelf.find("ink", "1.0", "0" * 64)
    (file / "setup.toml").write_text("spoilt = ")
    assert shelf.find("ink", "1.0", digest) == old
    with pytest.raises(RecipeError, match="not valid TOML"):
        shelf.find("ink")
    with pytest.raises(NotHere):
        shelf.find("ink", "0.9", digest)


def test_one_in_the_works_is_had_as_it_is_now(shelf: Shelf, tmp_path: Path, tiny: Path) -> None:
    file = a_setup(tmp_path / "further", "ink", version="1.0-dev", more='extends = "tiny"')
    digest = digests.of("ink", folders.find(shelf.images, shelf.more))
    shelf.prepare("ink", quiet)
    (file / "notes.txt").write_text("changed")
    assert shelf.find("ink", "1.0-dev", digest) is None, "to be prepared anew"


def test_another_s_mistake_is_no_hindrance(shelf: Shelf, tmp_path: Path, tiny: Path) -> None:
    for name in ("Not A Slug", "spoilt"):
        (tmp_path / "further" / name).mkdir(parents=True)
        (tmp_path / "further" / name / "setup.toml").write_text("spoilt = ")
    assert shelf.prepare("tiny", quiet).setup.exists()


def test_what_windows_wrote_is_plain_inside_a_desktop(shelf: Shelf, tiny: Path) -> None:
    file = tiny / "setup.toml"
    file.write_bytes(f"\ufeff{file.read_text()}".replace("\n", "\r\n").encode())
    prepared = shelf.prepare("tiny", quiet)
    data = (prepared.setup / "setup.toml").read_bytes()
    assert not data.startswith(b"\xef\xbb\xbf") and b"\r" not in data


def test_what_is_killed_in_the_middle_is_prepared_by_the_next(
    shelf: Shelf, images: Path, tmp_path: Path
) -> None:
    wait = "import time, pathlib\npathlib.Path('begun').touch()\ntime.sleep(600)\n"
    a_setup(images, steps={"wait.py": wait})
    code = (
        "import sys; from pathlib import Path; from images.shelf import Shelf;"
        "s = Path(sys.argv[1]); Shelf(s, s / 'models', images=Path(sys.argv[2]), more=None)"
        ".prepare('tiny', lambda *_: None)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(shelf.folder), str(images)])
    from tests.running import eventually

    begun = eventually(lambda: list(shelf.folder.glob("*.part/begun")), what="that it begins")
    child.kill()
    child.wait()
    assert begun
    a_setup(images, steps={"wait.py": "open('done', 'w').close()\n"})
    prepared = shelf.prepare("tiny", quiet)
    assert (prepared.setup / "done").exists()
    assert not list(shelf.folder.glob("*.part"))


def test_an_unknown_setup_is_not_here(shelf: Shelf, images: Path) -> None:
    a_setup(images)
    with pytest.raises(NotHere, match="nothing"):
        shelf.find("nothing")


@pytest.mark.parametrize(
    "wrong",
    [
        'install = "pip"',
        'extensions = ["x"]',
        "models = 3",
        "[[models]]\nname = 'x'",
        "install = 5",
    ],
)
def test_a_file_that_is_not_in_order_is_said_to_be(shelf: Shelf, images: Path, wrong: str) -> None:
    """Whoever asks after a setup is not to break because its creator's file did."""
    folder = a_setup(images, slug="mist")
    kept = (folder / "setup.toml").read_text()
    (folder / "setup.toml").write_text(f"{wrong}\n" if "[[" not in wrong else "")
    with (folder / "setup.toml").open("a") as file:
        file.write(kept + (f"\n{wrong}\n" if "[[" in wrong else ""))
    with pytest.raises(RecipeError, match="mist"):
        shelf.find("mist", "")
