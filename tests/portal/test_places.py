"""Where a copy keeps its things: a data folder that will do, sockets in a folder of its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from portal.environment import Environment
from portal.supervisor import places, runtime
from portal.supervisor.person import Person
from portal.supervisor.places import Places
from portal.supervisor.problems import Trouble, worded

ME = Person("me", os.geteuid(), os.getegid(), dropped=False)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")


def at(data: Path) -> Places:
    return Places(data, 8000, 8001, ME)


# --- The folder of the sockets ------------------------------------------------------------------


def test_sockets_stay_in_the_data_folder_where_their_paths_are_short() -> None:
    assert runtime.folder(Path("/srv/atelier/.data")) == Path("/srv/atelier/.data/run")


@pytest.mark.parametrize(
    "data",
    ["/" + "d" * 200, "/srv/a space", "/srv/中文", "/srv/a,b", "/srv/%41", '/srv/"q"', "/srv/a:b"],
)
def test_sockets_go_elsewhere_where_servers_could_not_take_the_path(data: str) -> None:
    run = runtime.folder(Path(data))
    assert len(os.fsencode(run)) <= runtime.LONGEST_FOLDER_BYTES
    assert run.parent in (Path("/run"), Path("/tmp"))
    assert run == runtime.folder(Path(data))
    assert run != runtime.folder(Path(data + "2")), "two copies would share one"


def test_a_folder_for_sockets_is_closed_to_everybody_else(tmp_path: Path) -> None:
    runtime.make(tmp_path / "run", ME)
    (tmp_path / "run").chmod(0o755)
    runtime.make(tmp_path / "run", ME)  # an old one of ours
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def _link(run: Path) -> None:
    (run.parent / "elsewhere").mkdir(mode=0o755)
    run.symlink_to("elsewhere")


def _open_to_all(run: Path) -> None:
    run.mkdir()
    run.chmod(0o1777)


def _somebody_elses(run: Path) -> None:
    run.mkdir(mode=0o700)
    os.chown(run, 12345, 12345)


@pytest.mark.parametrize(
    "squat", [_link, Path.touch, _open_to_all, pytest.param(_somebody_elses, marks=as_root)]
)
def test_what_somebody_put_in_its_place_is_refused_and_left_alone(
    tmp_path: Path, squat: object
) -> None:
    run = tmp_path / "run"
    squat(run)  # type: ignore[operator]
    before = [(one.name, one.stat().st_mode, one.stat().st_uid) for one in tmp_path.iterdir()]
    with pytest.raises(Trouble, match=str(run)):
        runtime.make(run, ME)
    after = [(one.name, one.stat().st_mode, one.stat().st_uid) for one in tmp_path.iterdir()]
    assert after == before


def test_only_a_folder_outside_of_the_data_folder_is_removed(tmp_path: Path) -> None:
    own = tmp_path / "run"
    own.mkdir()
    runtime.remove(own, tmp_path)
    assert own.is_dir()
    long = tmp_path / ("d" * 60)
    runtime.make(runtime.folder(long), ME)
    runtime.remove(runtime.folder(long), tmp_path)
    assert runtime.folder(long).is_dir(), "it is another copy's"
    runtime.remove(runtime.folder(long), long)
    assert not runtime.folder(long).exists()


def test_status_looks_where_the_running_platform_put_them(tmp_path: Path) -> None:
    assert places.written_run(at(tmp_path)) == tmp_path / "run"
    (tmp_path / "run-dir").write_text("/tmp/atelier-0-0123456789ab\n")
    assert places.written_run(at(tmp_path)) == Path("/tmp/atelier-0-0123456789ab")


def test_any_character_survives_the_addresses_made_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.parse import parse_qs, urlsplit

    data = tmp_path / "50% ?of#a+b&c 中文"
    data.mkdir()
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("BROKER_URL", raising=False)
    monkeypatch.setenv("ATELIER_DATA", str(data))
    read = Environment()  # type: ignore[call-arg]
    assert parse_qs(urlsplit(read.database_url).query)["host"] == [str(data / "run")]
    from kombu.utils.url import url_to_parts

    assert f"/{url_to_parts(read.broker_url).path}" == str(data / "run" / "valkey.sock")


# --- The data folder ----------------------------------------------------------------------------


def test_a_folder_with_other_things_in_it_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(Trouble, match=r"holds other things, such as letters"):
        places.claim(at(tmp_path))
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("there", [[], ["lost+found"], ["setups"], ["letters", "supervisor.lock"]])
def test_a_new_one_a_disk_and_an_old_one_are(tmp_path: Path, there: list[str]) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    places.claim(at(tmp_path))
    try:
        places.make(at(tmp_path))
    finally:
        runtime.remove(at(tmp_path).run, tmp_path)
    assert (tmp_path / "keys" / "secret-key").read_text().strip()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Trouble, match=r"Cannot use .*ATELIER_DATA\.$"):
            places.claim(at(data))


def test_too_little_room_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = SimpleNamespace(f_bavail=40, f_frsize=1 << 20)
    monkeypatch.setattr("portal.supervisor.places.os.statvfs", lambda _path: little)
    with pytest.raises(Trouble, match=r"has 40 MiB left, and Atelier needs 200"):
        places.claim(at(tmp_path))
    assert not list(tmp_path.iterdir())
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").touch()
    places.claim(at(tmp_path))  # one that is there needs less


@as_root
def test_a_database_of_another_user_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    os.chown(tmp_path / "pg", 12345, 12345)
    with pytest.raises(Trouble, match=r"pg belongs to 12345"):
        places.claim(at(tmp_path))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "may not write there"),
    ],
)
def test_refusals_of_the_file_system_are_one_sentence(number: int, said: str) -> None:
    with pytest.raises(Trouble, match=rf"Cannot use /srv/x: .*{said}"), worded(Path("/srv/x")):
        raise OSError(number, "what the system calls it")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("/srv/" + "中" * 60, "is 185 bytes long"),
        ("/srv/a\nb", "cannot be printed"),
        ("/srv/a\udcff", "cannot be printed"),
    ],
)
def test_a_path_that_cannot_be_written_down_is_refused(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_DATA", given)
    with pytest.raises(Trouble, match=said):
        places.read(ME)


def test_a_link_is_followed_and_a_circle_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("ATELIER_DATA", f"{tmp_path}/link/")
    assert places.read(ME).data == tmp_path / "real"
    (tmp_path / "real").symlink_to(tmp_path / "link")
    with pytest.raises(Trouble, match="lead in a circle"):
        places.claim(places.read(ME))
