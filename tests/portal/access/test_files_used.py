"""The files' page in a real Chromium, through the gateway, on the files' real server."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.access.hosts import Desk
from tests import browsing
from tests.images.files_server import Files
from tests.portal.access.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browsing.CHROMIUM, reason="no Chromium on this machine"),
]
BLOCK = 8 << 20
expect.set_options(timeout=20_000)
GBK = os.fsdecode("说明.txt".encode("gbk"))
OpenFiles = Callable[..., Page]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path)
    yield files
    files.end()


@pytest.fixture
def open_files(browser: Browser, world: World, files: Files) -> Iterator[OpenFiles]:
    """`open_files("#files")`: a window of the page; each has a cookie jar of its own."""
    desk, contexts = Desk(world.desk.id, "files"), []
    world.let_in("files-session", desk)
    world.portal.upstream = f"unix:{files.socket}"

    def open(at: str = "#files", **options: Any) -> Page:
        context = browsing.person(browser, **options)
        contexts.append(context)
        host = world.host(desk).split(":")[0]
        cookie = {"name": "__Host-desk", "value": "files-session", "domain": host, "path": "/"}
        context.add_cookies([cookie | {"secure": True, "httpOnly": True, "sameSite": "Lax"}])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"{world.origin(desk)}/{at}")
        expect(page.locator("h1")).not_to_be_empty()
        return page

    yield open
    for context in contexts:
        context.close()


def choose(page: Page, *paths: Path) -> None:
    page.locator("input[type=file]").set_input_files(list(paths))


def cut_after(page: Page, pieces: int) -> list[str]:
    """So many pieces of an upload pass; the connection of the next one breaks, once."""
    passed: list[str] = []

    def handle(route: Any) -> None:
        passed.append(route.request.url)
        if len(passed) == pieces + 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(
        "**/api/upload?*",
        lambda route: handle(route) if route.request.method == "PUT" else route.continue_(),
    )
    return passed


# --- Uploads ------------------------------------------------------------------------------------


def test_an_upload_goes_on_where_the_connection_broke(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    content = os.urandom(2 * BLOCK + 77)
    (tmp_path / "style.safetensors").write_bytes(content)
    page = open_files("#files/Outputs")
    passed = cut_after(page, 1)
    choose(page, tmp_path / "style.safetensors")
    expect(page.get_by_text("style.safetensors is there.")).to_be_visible(timeout=60_000)
    assert (files.home / "Outputs" / "style.safetensors").read_bytes() == content
    assert len(passed) == 4, "no piece twice but the one that was cut"
    expect(page.get_by_role("link", name="style.safetensors")).to_be_visible()


def test_another_file_of_that_name_and_length_is_never_spliced(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    """Cut, the tab closed, then a newer one: same name, same length, same date."""
    place, old, new = tmp_path / "a.safetensors", os.urandom(BLOCK + 9), os.urandom(BLOCK + 9)
    place.write_bytes(old)
    os.utime(place, (1_700_000_000, 1_700_000_000))
    page = open_files("#files/Outputs")
    page.route("**/api/upload?*offset=8388608*", lambda route: route.abort())
    choose(page, place)
    expect(page.get_by_text("The connection broke.")).to_be_visible(timeout=60_000)
    page.context.close()
    place.write_bytes(new)
    os.utime(place, (1_700_000_000, 1_700_000_000))
    page = open_files("#files/Outputs")
    choose(page, place)
    said = page.get_by_text("A part of another file named a.safetensors")
    expect(said).to_be_visible(timeout=60_000)
    expect(page.get_by_text("a.safetensors is there.")).to_be_visible(timeout=60_000)
    assert (files.home / "Outputs" / "a.safetensors").read_bytes() == new


def test_a_part_that_is_not_what_it_was_is_thrown_away(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    content = os.urandom(BLOCK + 9)
    (tmp_path / "a").write_bytes(content)
    page = open_files("#files/Outputs")
    passed = cut_after(page, 1)
    choose(page, tmp_path / "a")
    expect(page.get_by_text("The connection broke.")).to_be_visible(timeout=60_000)
    (part,) = (files.home / "Outputs").glob(".upload-*.part")
    with part.open("r+b") as file:
        file.write(b"!")
    expect(page.get_by_text("a is sent from its beginning.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("a is there.")).to_be_visible(timeout=60_000)
    assert (files.home / "Outputs" / "a").read_bytes() == content
    assert len(passed) == 4


def test_two_tabs_that_send_one_name_leave_one_whole_file(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    contents = [os.urandom(2 * BLOCK + 5) for _each in range(2)]
    pages = []
    for number, content in enumerate(contents):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "same.bin2").write_bytes(content)
        pages.append(open_files("#files/Outputs"))
    for number, page in enumerate(pages):
        choose(page, tmp_path / str(number) / "same.bin2")
    for page in pages:
        expect(page.get_by_text("same.bin2 is there.")).to_be_visible(timeout=60_000)
    assert (files.home / "Outputs" / "same.bin2").read_bytes() in contents


def test_a_file_that_changes_while_it_is_sent_is_said_to(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(os.urandom(2 * BLOCK))
    page = open_files("#files/Outputs")
    changed = []

    def change(route: Any) -> None:
        if not changed:
            changed.append(True)
            (tmp_path / "a").write_bytes(os.urandom(2 * BLOCK))
            os.utime(tmp_path / "a", (1_800_000_000, 1_800_000_000))
        route.continue_()

    page.route("**/api/upload?*offset=0*", change)
    choose(page, tmp_path / "a")
    said = page.get_by_role("alert")
    expect(said).to_contain_text("it changed while it was sent", timeout=60_000)
    assert not (files.home / "Outputs" / "a").exists()


def test_a_refusal_is_said_at_once_and_not_tried_again(
    open_files: OpenFiles, files: Files, tmp_path: Path
) -> None:
    (files.home / "Outputs" / "taken").mkdir()
    (tmp_path / "taken").write_bytes(b"x" * (4 << 20))
    page = open_files("#files/Outputs")
    choose(page, tmp_path / "taken")
    expect(page.get_by_role("alert")).to_contain_text("Something of that name is there already.")


@pytest.mark.parametrize(
    ("path", "mib", "status"),
    [
        ("nothing", 50, 404),
        ("upload?path=a&size=5&offset=0", 1, 409),
        ("upload?path=a&size=5&offset=0", 50, 409),
        ("upload?path=a&size=99999999&offset=0", 70, 413),
    ],
)
def test_a_refused_upload_arrives_as_its_refusal(
    open_files: OpenFiles, path: str, mib: int, status: int
) -> None:
    """Chromium listens once all is sent: neither end may hang up before."""
    got = open_files().evaluate(
        "async ([path, size]) => { const answer = await fetch(`api/${path}`,"
        " {method: 'PUT', body: new Blob([new Uint8Array(size)])});"
        " return [answer.status, (await answer.json()).error]; }",
        [path, mib << 20],
    )
    assert got[0] == status and got[1]


# --- Names --------------------------------------------------------------------------------------


def test_a_name_that_is_no_utf8_is_read_opened_renamed_and_deleted(
    open_files: OpenFiles, files: Files
) -> None:
    outputs = files.home / "Outputs"
    (outputs / GBK).write_text("what it says")
    (outputs / os.fsdecode(b"\xff.txt")).touch()
    page = open_files("#files/Outputs")
    row = page.get_by_role("row").filter(has_text="说明.txt")
    expect(row).to_contain_text("not UTF-8")
    with page.expect_download() as downloaded:
        row.get_by_role("link", name="Download").click()
    assert downloaded.value.suggested_filename == "说明.txt"
    row.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_value("说明.txt")
    page.get_by_role("dialog").get_by_role("button", name="OK").click()
    expect(page.get_by_text("not UTF-8")).to_have_count(1)
    assert (outputs / "说明.txt").read_text() == "what it says"
    row = page.get_by_role("row").filter(has_text="\ufffd.txt")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert [path.name for path in outputs.iterdir()] == ["说明.txt"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (GBK, "说明.txt"),
        ("two\nlines", "two[U+000A]lines"),
        (" ends ", "␣ends␣"),
        ("100%23#?&", "100%23#?&"),
        ("back\\slash", "back\\slash"),
        ("\u202egpj.exe", "[U+202E]gpj.exe"),
        ("\"'<b>", "\"'<b>"),
    ],
)
def test_folders_of_any_name_are_entered_used_and_deleted(
    open_files: OpenFiles, files: Files, tmp_path: Path, name: str, shown: str
) -> None:
    folder = files.home / "Outputs" / name
    folder.mkdir()
    page = open_files("#files/Outputs")
    page.get_by_role("link", name=shown).click()
    expect(page.get_by_role("navigation").last).to_contain_text(shown)
    (tmp_path / "put.txt").write_text("put")
    choose(page, tmp_path / "put.txt")
    expect(page.get_by_role("link", name="put.txt")).to_be_visible()
    assert (folder / "put.txt").read_text() == "put"
    page.reload()
    expect(page.get_by_role("link", name="put.txt")).to_be_visible()
    page.get_by_role("link", name="Outputs").last.click()
    page.get_by_role("row").filter(has_text=shown).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    if dialog.get_by_role("textbox").count():
        dialog.get_by_role("textbox").fill(shown)
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name=shown)).to_have_count(0)
    assert not folder.exists()


# --- Downloads ----------------------------------------------------------------------------------


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Somebody writes to it all the while."""
    over = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not over.wait(0.001):
                file.write(b"!")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def pack(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="Pictures")
    row.get_by_role("button", name="Download as zip").click()


def test_a_zip_that_is_not_whole_is_a_failed_download(open_files: OpenFiles, files: Files) -> None:
    folder = files.home / "Pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(os.urandom(1 << 20))
    (folder / "b.mp4").write_bytes(bytes(64 << 20))
    page = open_files()
    with growing(folder / "b.mp4"):
        with page.expect_download() as downloaded:
            pack(page)
        assert downloaded.value.failure()
    with page.expect_download() as downloaded:
        pack(page)
    assert downloaded.value.failure() is None
    with zipfile.ZipFile(downloaded.value.path()) as found:
        assert sorted(found.namelist()) == ["Pictures/a.png", "Pictures/b.mp4"]


def test_what_cannot_be_packed_is_said_on_the_page(open_files: OpenFiles, files: Files) -> None:
    (files.home / "Pictures").mkdir()
    (files.home / "Pictures" / "shut").touch()
    (files.home / "Pictures" / "shut").chmod(0)
    page = open_files()
    pack(page)
    expect(page.get_by_role("alert")).to_contain_text("This may not be read or changed.")
    expect(page.get_by_role("heading", name="Files")).to_be_visible()


def test_ranges_and_conditions_pass_the_gateway(world: World, files: Files) -> None:
    desk = Desk(world.desk.id, "files")
    world.let_in("files-session", desk)
    world.portal.upstream = f"unix:{files.socket}"
    (files.home / "clip.mp4").write_bytes(b"0123456789")

    def ask(**more: str) -> Any:
        return world.ask(
            path="/api/file?path=clip.mp4",
            desk=desk,
            cookie=world.cookie("files-session"),
            more=[(name.replace("_", "-"), value) for name, value in more.items()],
        )

    tag = ask().get("ETag")[0]
    assert ask(Range="bytes=10-5").status == 200
    assert ask(Range="bytes=abc").status == 200
    assert ask(Range="bytes=0-1,4-5").body == b"0123456789"
    assert ask(Range="bytes=10-").status == 416
    assert ask(Range="bytes=5-", If_Range=tag).body == b"56789"
    assert ask(Range="bytes=5-", If_Range='"old"').body == b"0123456789"
    assert ask(If_None_Match=tag).status == 304
