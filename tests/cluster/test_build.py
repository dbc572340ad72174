"""Which programs a cluster is made of, and what is said where there are none."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from tests.cluster import build


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, and nothing on this machine that would do instead."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return build.cache()


def stand_in(folder: Path, script: str) -> str:
    """A compiler that only does what the script says; `$target` is what it is to write."""
    path = folder / "fake-go"
    path.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ntarget=$2\n' + script + "\n")
    path.chmod(0o755)
    return str(path)


def test_any_change_of_the_source_is_another_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "components"
    copy.mkdir()
    for path in build.SOURCE.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    before = build.built_path()
    monkeypatch.setattr(build, "SOURCE", copy)
    assert build.built_path() == before
    (copy / "main.go").open("a").write("\n// changed\n")
    assert build.built_path() != before


def test_given_programs_come_first(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "assets"
    given.mkdir()
    (given / "etcd").write_text("#!/bin/sh\n")
    (given / "etcd").chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(given))
    monkeypatch.setattr(build, "build", lambda: Path("/built"))
    assert build.command("etcd") == [str(given / "etcd")]
    assert build.command("kwok") == ["/built", "kwok"]


def test_two_who_want_it_build_it_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = tmp_path / "count"
    fake = stand_in(tmp_path, f'echo once >>{count}; sleep 0.2; echo program >"$target"')
    monkeypatch.setattr(build, "_go", lambda: fake)
    found: list[Path] = []
    both = [threading.Thread(target=lambda: found.append(build.build())) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert found == [build.built_path()] * 2
    assert found[0].read_text() == "program\n"
    assert count.read_text() == "once\n"
    assert {path.name for path in cache.iterdir()} == {"components.lock", found[0].name}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("dial tcp: lookup proxy.example: no such host", build.Unavailable),
        ("main.go:1:1: syntax error", build.BuildFailed),
    ],
)
def test_without_network_it_cannot_be_had_with_an_error_it_fails(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    """The first is a reason to skip tests, the second one for them to fail."""
    monkeypatch.setattr(build, "_go", lambda: stand_in(tmp_path, f"echo '{said}' >&2; exit 1"))
    with pytest.raises(kind, match=said):
        build.build()
    assert not build.built_path().exists()


def test_an_old_go_is_not_taken(tmp_path: Path) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)
    assert build._version(str(old)) == (1, 19)
    assert build._version(str(old)) < build.GO


def test_the_program_says_why(cache: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(build, "_go", lambda: stand_in(tmp_path, "echo 'broken' >&2; exit 1"))
    assert build.main() == 1
    assert "broken" in capsys.readouterr().err
    monkeypatch.setattr(build, "_go", lambda: stand_in(tmp_path, 'echo x >"$target"'))
    assert build.main() == 0
    assert capsys.readouterr().out.strip() == str(build.built_path())


def test_the_source_is_formatted() -> None:
    go = build.shutil.which("gofmt") or "/usr/local/go/bin/gofmt"
    if not Path(go).exists():
        pytest.skip("no gofmt on this machine")
    done = subprocess.run([go, "-l", build.SOURCE], capture_output=True, text=True, check=True)
    assert done.stdout == ""
