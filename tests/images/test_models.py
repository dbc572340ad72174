"""The store of models: interrupted downloads go on, nothing unverified is ever served."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from images import models
from images.models import Model, ModelRefused, Store

CONTENT = bytes(range(256)) * 8192  # 2 MiB
SHA = hashlib.sha256(CONTENT).hexdigest()


class Site(ThreadingHTTPServer):
    """Sends one file; `cut_after` bytes of each answer, and then nothing more."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.content = CONTENT
        self.cut_after: list[int] = []
        self.ranges = True
        self.asked: list[str] = []  # the Range of each request
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.safetensors"


class _Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        if self.path != "/model.safetensors":
            self.send_error(404)
            return
        begin = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        rest = self.server.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = self.server.cut_after.pop(0) if self.server.cut_after else len(rest)
        self.wfile.write(rest[:cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site
        site.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def a_model(site: Site, **changes: object) -> Model:
    values: dict[str, object] = {
        "kind": "checkpoint",
        "file": "model.safetensors",
        "url": site.url,
        "sha256": SHA,
        "size_bytes": len(CONTENT),
    }
    return Model(**(values | changes))  # type: ignore[arg-type]


def test_a_model_is_fetched_once_verified_and_read_only(site: Site, store: Store) -> None:
    model = a_model(site)
    told: list[tuple[int, int]] = []
    assert not store.has(model)
    store.fetch(model, lambda done, total: told.append((done, total)))
    store.fetch(model)
    assert store.has(model)
    assert store.path(model).read_bytes() == CONTENT
    assert store.path(model).stat().st_mode & 0o222 == 0
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(site.asked) == 1


def test_an_interrupted_download_goes_on_where_it_was_cut(site: Site, store: Store) -> None:
    site.cut_after = [700_000, 300_000]
    store.fetch(a_model(site))
    assert site.asked == ["", "bytes=700000-", "bytes=1000000-"]
    assert store.path(a_model(site)).read_bytes() == CONTENT


def test_what_a_killed_process_left_is_used(site: Site, store: Store) -> None:
    model = a_model(site)
    store.folder.mkdir()
    store.path(model).with_suffix(".part").write_bytes(CONTENT[:1234])
    store.fetch(model)
    assert site.asked == ["bytes=1234-"]
    assert store.has(model)


def test_a_site_without_ranges_begins_anew(site: Site, store: Store) -> None:
    site.ranges, site.cut_after = False, [500]
    store.fetch(a_model(site))
    assert store.path(a_model(site)).read_bytes() == CONTENT


def test_what_is_not_what_the_setup_names_is_thrown_away(site: Site, store: Store) -> None:
    site.content = b"x" * len(CONTENT)
    with pytest.raises(ModelRefused, match=f"names {SHA}"):
        store.fetch(a_model(site))
    assert not store.has(a_model(site))
    assert list(store.folder.iterdir()) == []


def test_too_much_is_refused_before_it_fills_the_disk(
    site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "TRIES", 1)
    with pytest.raises(ModelRefused, match="sends more than"):
        store.fetch(a_model(site, size_bytes=1000))


def test_a_missing_one_is_not_asked_for_again_and_again(site: Site, store: Store) -> None:
    with pytest.raises(ModelRefused, match="404"):
        store.fetch(a_model(site, url=site.url + ".gone"))
    assert len(site.asked) == 1


def test_one_that_was_corrupted_on_disk_is_never_served(site: Site, store: Store) -> None:
    model = a_model(site)
    store.fetch(model)
    path = store.path(model)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"corrupted")
    assert not store.has(model)
    assert not path.exists()
    store.fetch(model)
    assert path.read_bytes() == CONTENT


def test_one_that_was_merely_touched_is_verified_and_kept(site: Site, store: Store) -> None:
    model = a_model(site)
    store.fetch(model)
    os.utime(store.path(model), (1, 1))
    assert store.has(model)
    assert len(site.asked) == 1


def test_what_no_setup_names_any_longer_can_be_thrown_away(site: Site, store: Store) -> None:
    model = a_model(site)
    store.fetch(model)
    (store.folder / ("0" * 64)).write_bytes(b"old")
    assert store.remove_all_but([model]) == ["0" * 64]
    assert store.has(model)
