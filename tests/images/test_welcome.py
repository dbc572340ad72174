"""The page that a desktop begins with says what became of files that the WebUI could not read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from images.folders import IMAGES
from tests.browsing import CHROMIUM, chromium, person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here"),
]
SETUP = """title = { en = "Probe", zh = "探针" }
summary = { en = "What is here.", zh = "这里有什么。" }
creator = "Tests"
[[apps]]
name = "webui"
title = "Probe"
"""
# As the session does it: the page, and the news beside it.
SESSION = """
import asyncio, webui, welcome
async def main():
    welcome.write([("webui", 7860)])
    webui.News(["webui"])
asyncio.run(main())
"""
CONVERTED = {
    "en": "~/.webui/a1111/styles.csv was in GBK, which the WebUI does not read.",
    "zh": "「~/.webui/a1111/styles.csv」原来是 GBK 编码，WebUI 读不了。",
}
BAD_LINES = ['{"en": "half', "[]", '"words"', '{"en": "alone"}', "\0"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The session's own folder, with the page in it."""
    folder = tmp_path / "run" / "own"
    folder.mkdir(parents=True)
    (tmp_path / "setup").mkdir()
    (tmp_path / "setup" / "setup.toml").write_text(SETUP, encoding="utf-8-sig")
    return folder


def written(own: Path, *notes: str) -> Path:
    (own / "notes.jsonl").write_text("\n".join(notes))
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(own.parents[1]),
        "DESK_RUN": str(own.parent),
        "DESK_SETUP": str(own.parents[1] / "setup"),
    }
    command = [sys.executable, "-B", "-c", SESSION]
    subprocess.run(command, cwd=IMAGES / "desktop", env=env, check=True, timeout=60)
    return own / "welcome.html"


def test_notes_of_the_program_stand_on_the_first_page(own: Path) -> None:
    evil = {"en": "<b>bold</b>" + "x" * 9000, "zh": "</script><script>alert(1)</script>"}
    lines = [json.dumps(note) for note in (CONVERTED, CONVERTED, evil)]
    page_file = written(own, *BAD_LINES, *lines)
    with chromium() as browser:
        page = person(browser).new_page()
        page.goto(page_file.as_uri())
        notes = page.locator("#notes p")
        notes.first.wait_for()
        said = notes.all_inner_texts()
        assert said[:2] == [CONVERTED["en"], CONVERTED["zh"]]
        assert len(said) == 4, "each once"
        assert said[2].startswith("<b>bold</b>x") and len(said[2]) <= 600
        assert said[3] == evil["zh"]
        assert page.locator("#notes [lang=zh-Hans]").count() == 2
        assert page.locator("#trouble").is_hidden()
        if shots := os.environ.get("TEST_SHOTS"):
            page.screenshot(path=f"{shots}/welcome.png")


def test_without_notes_nothing_is_told(own: Path) -> None:
    with chromium() as browser:
        page = person(browser).new_page()
        page.goto(written(own).as_uri())
        page.locator("a.open.waits").wait_for()
        assert page.locator("#notes").is_hidden()
