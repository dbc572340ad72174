"""What stands in a real desktop: wall, icons, first page, Chinese input, word of a WebUI's end."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from provisioner.drivers.local.driver import IMAGES
from tests.provisioner.drivers.studio import NEEDS, Studio, a_studio
from tests.running import eventually

__all__ = ["a_studio"]
pytestmark = NEEDS
BROWSERS = ("firefox-esr", "chromium")
BROWSER = next(filter(shutil.which, BROWSERS), "")
CHINESE = ("fcitx5", "dbus-daemon", "xdotool")
PINYIN = all(map(shutil.which, CHINESE)) and Path("/usr/share/rime-data/build").exists()
# In a terminal of its own, until it worked: the first keys may come before the dictionaries.
TYPING = """
lxterminal --no-remote --title=Typed -e "sh -c 'cat >$HOME/typed'" & terminal=$!
xdotool search --sync --onlyvisible --name '^Typed$' windowfocus
for _ in $(seq 30); do
    [ "$(fcitx5-remote)" = 2 ] || xdotool key ctrl+space
    sleep 0.5
    xdotool type --delay 30 nihao
    xdotool key space Return Return
    ! grep -q 你好 "$HOME/typed" || break
done
kill $terminal
"""


def test_the_furniture_comes(studio: Studio) -> None:
    # A desktop with a WebUI begins with a browser, where the machine has one to begin with.
    first = BROWSER or "lxterminal"
    for program in ("openbox", "tint2", "pcmanfm --desktop", first):
        eventually(lambda name=program: studio.pids(name), what=program)


def test_the_page_it_begins_with_says_what_is_here_in_both_languages(studio: Studio) -> None:
    if not BROWSER:
        pytest.skip("no browser here")
    eventually((studio.own / "welcome.html").exists, what="the page")
    page = (studio.own / "welcome.html").read_text()
    for words in ("Probe", "探针", "会话自己能看到的。", 'href="http://127.0.0.1:7860"'):
        assert words in page
    assert "$" not in page.replace("${", "")  # no place was left empty
    eventually(lambda: studio.news()["apps"]["webui"]["up"], what="the news")
    assert studio.news()["ended"] is None


def test_icons_lead_to_models_pictures_and_the_webui(studio: Studio) -> None:
    desk = studio.home / "Desktop"
    eventually(lambda: len(list(desk.glob("*.desktop"))) == 3, what="the icons")
    names = [path.read_text() for path in sorted(desk.iterdir(), key=lambda p: p.stat().st_mtime)]
    for text, name in zip(names, ("Models", "Outputs", "Open Probe"), strict=True):
        assert f"Name={name} · " in text


def test_the_wall_is_hung_behind_the_windows(studio: Studio) -> None:
    first = f"{BROWSER} --" if BROWSER else "lxterminal"
    for pid in eventually(lambda: studio.pids(first), what=first):
        os.kill(pid, signal.SIGKILL)
    wall = Image.open(IMAGES / "desktop" / "wallpaper.jpg").convert("RGB")

    def hung() -> bool:
        seen = studio.picture()
        whole = ImageOps.fit(wall, seen.size)
        places = [(seen.width * n // 10, seen.height * m // 10) for n in (4, 7, 9) for m in (3, 8)]
        pairs = [(seen.getpixel(at), whole.getpixel(at)) for at in places]
        return all(
            abs(a - b) < 12 for one, other in pairs for a, b in zip(one, other, strict=True)
        )

    eventually(hung, seconds=30, what="the wallpaper")


def test_when_the_webui_ends_people_are_told_and_it_comes_back(studio: Studio) -> None:
    eventually(lambda: studio.news()["apps"]["webui"]["up"], what="the WebUI")
    [server] = studio.pids("http.server")
    folder, away = studio.home / "app", studio.home / "away"
    folder.rename(away)  # it cannot come back before we have seen that it went
    try:
        os.kill(server, signal.SIGKILL)
        eventually(lambda: studio.news()["ended"], what="that it ended")
        assert not studio.news()["apps"]["webui"]["up"]
    finally:
        away.rename(folder)
    log = (studio.home / "WebUI.log").read_text()
    assert "GET /picture.txt" in log
    assert "ended with 137" in log
    eventually(lambda: studio.news()["apps"]["webui"]["up"], what="the WebUI again")
    assert studio.news()["ended"] is None
    assert "loading 2%" in studio.news()["last"]  # as a terminal shows it


@pytest.mark.skipif(not PINYIN, reason=f"not installed: {', '.join(CHINESE)}, Rime's pinyin")
def test_chinese_can_be_typed(studio: Studio) -> None:
    (studio.home / "errand").write_text(TYPING)
    (studio.home / "errand").chmod(0o644)
    try:
        [server] = eventually(lambda: studio.pids("http.server"))
        os.kill(server, signal.SIGTERM)  # started again, it does the errand
        typed = studio.home / "typed"
        eventually(lambda: typed.exists() and "你好" in typed.read_text(), seconds=60)
    finally:
        (studio.home / "errand").unlink()
