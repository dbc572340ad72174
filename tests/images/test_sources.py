"""Source trees are known by their Git tree id, however they are given."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from images import sources
from images.sources import Source, SourceRefused


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A real Git checkout with the shapes that matter: modes, links, folders, names that sort."""
    folder = tmp_path / "webui-1.0"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib-extra").mkdir()
    (folder / "lib" / "a.py").write_text("print('a')\n")
    (folder / "lib-extra" / "b.txt").write_bytes(b"\0\1\2")
    (folder / "lib.txt").write_text("sorts between the two\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("lib/a.py")
    (folder / "名字.txt").write_text("names too\n")
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return folder


def git_tree(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD^{tree}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_the_id_that_git_gives_it(tree: Path) -> None:
    assert sources.tree_id(tree) == git_tree(tree)


def test_what_running_it_leaves_behind_does_not_count(tree: Path) -> None:
    (tree / "lib" / "__pycache__").mkdir()
    (tree / "lib" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (tree / "empty").mkdir()
    assert sources.tree_id(tree) == git_tree(tree)


@pytest.mark.parametrize("kind", ["folder", "tar.gz", "zip"])
def test_a_checkout_and_archives_of_it_are_the_same(tree: Path, tmp_path: Path, kind: str) -> None:
    source = Source("webui", tree=git_tree(tree))
    given = tree
    if kind == "tar.gz":
        given = tmp_path / "webui.tar.gz"
        with tarfile.open(given, "w:gz") as archive:
            archive.add(tree, "webui-1.0", filter=lambda i: None if ".git" in i.name else i)
    elif kind == "zip":
        given = tmp_path / "webui.zip"
        subprocess.run(
            ["git", "-C", str(tree), "archive", "--prefix=webui-1.0/", "-o", str(given), "HEAD"],
            check=True,
        )
    sources.place(source, given, tmp_path / "target")
    assert sources.tree_id(tmp_path / "target") == source.tree
    assert os.access(tmp_path / "target" / "run.sh", os.X_OK)
    assert not (tmp_path / "target" / ".git").exists()


def test_another_tree_is_refused_with_both_ids(tree: Path, tmp_path: Path) -> None:
    source = Source("webui", tree=git_tree(tree), commit="c" * 40)
    (tree / "lib" / "a.py").write_text("print('b')\n")
    with pytest.raises(SourceRefused, match=source.tree) as refusal:
        sources.place(source, tree, tmp_path / "target")
    assert sources.tree_id(tree) in str(refusal.value)
    assert not (tmp_path / "target").exists()


def test_a_missing_one_says_what_to_get_and_how_to_give_it(tmp_path: Path) -> None:
    source = Source("webui", tree="0" * 40, commit="c" * 40, url="https://example.org/webui")
    for given in (None, tmp_path / "nothing"):
        with pytest.raises(
            SourceRefused, match=r"https://example\.org/webui at commit c{40}"
        ) as no:
            sources.place(source, given, tmp_path / "target")
        assert "--source" in str(no.value)


def test_an_archive_that_leads_out_of_itself_is_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        (tmp_path / "x").write_text("x")
        archive.add(tmp_path / "x", "../outside")
    link = tmp_path / "link.tar"
    with tarfile.open(link, "w") as archive:
        (tmp_path / "l").symlink_to("../../etc")
        archive.add(tmp_path / "l", "webui/l")
    zipped = tmp_path / "link.zip"
    with zipfile.ZipFile(zipped, "w") as archive2:
        item = zipfile.ZipInfo("webui/l")
        item.external_attr = 0o120777 << 16
        archive2.writestr(item, "/etc/passwd")
    for given in (evil, link, zipped):
        with pytest.raises(SourceRefused, match="leads out"):
            sources.place(Source("webui", tree="0" * 40), given, tmp_path / "target")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "webui.tar").write_text("not one")
    with pytest.raises(SourceRefused, match="cannot be unpacked"):
        sources.place(Source("webui", tree="0" * 40), tmp_path / "webui.tar", tmp_path / "target")
    shutil.rmtree(tmp_path / "target", ignore_errors=True)


def commit_of(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_alone_is_enough_for_a_checkout(tree: Path, tmp_path: Path) -> None:
    source = Source("webui", commit=commit_of(tree))
    sources.place(source, tree, tmp_path / "target")
    assert sources.tree_id(tmp_path / "target") == git_tree(tree)
    # The copy carries the commit along, so that it can be looked at again without Git.
    sources.place(source, tmp_path / "target", tmp_path / "again")
    assert sources.tree_id(tmp_path / "again") == git_tree(tree)


def test_a_changed_checkout_is_not_its_commit(tree: Path, tmp_path: Path) -> None:
    source = Source("webui", commit=commit_of(tree))
    (tree / "lib" / "a.py").write_text("print('b')\n")
    with pytest.raises(SourceRefused, match=f"the setup names {git_tree(tree)}"):
        sources.place(source, tree, tmp_path / "target")


def test_a_commit_that_is_not_there_or_not_itself_is_refused(tree: Path, tmp_path: Path) -> None:
    unknown = Source("webui", commit="c" * 40)
    archive = tmp_path / "webui"
    shutil.copytree(tree, archive, ignore=shutil.ignore_patterns(".git"), symlinks=True)
    for source, given in ((unknown, tree), (Source("webui", commit=commit_of(tree)), archive)):
        with pytest.raises(SourceRefused, match="has to be a Git checkout with the commit"):
            sources.place(source, given, tmp_path / "target")
    (archive / sources.COMMIT).write_bytes(b"tree " + sources.tree_id(archive).encode() + b"\n")
    with pytest.raises(SourceRefused, match="has to be a Git checkout"):
        sources.place(Source("webui", commit=commit_of(tree)), archive, tmp_path / "target")


def test_parts_are_trees_of_their_own(tree: Path, tmp_path: Path) -> None:
    main = git_tree(tree)
    part = tree / "repositories" / "part"
    part.mkdir(parents=True)
    (part / "code.py").write_text("x = 1\n")
    parts = [Source("part", tree=sources.tree_id(part), path="repositories/part")]
    source = Source("webui", tree=main)
    sources.place(source, tree, tmp_path / "target", parts)
    assert (tmp_path / "target" / "repositories" / "part" / "code.py").exists()
    with pytest.raises(SourceRefused, match=f"names {main}"):
        sources.place(source, tree, tmp_path / "target")  # what is no part does not belong there
    shutil.rmtree(part)
    with pytest.raises(SourceRefused, match=r"has no repositories/part\. Get part"):
        sources.place(source, tree, tmp_path / "other", parts)
