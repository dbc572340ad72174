"""What stands in a desktop that is ready: desk, panel, Chinese input, something to begin with."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import apps
import chinese
import desk
import welcome
from place import HERE, OWN, PINYIN, say
from programs import keep, spawn

BROWSERS = ("firefox-esr", "chromium")
PANEL = HERE / "tint2rc"
# Its last button is the one that switches to Chinese.
BUTTONS, BUTTONS_WITHOUT_CHINESE = "panel_items = PPPTPC", "panel_items = PPPTC"


async def furnish() -> None:
    """After the streamer, which would otherwise share the processor with all this."""
    webuis = [app for app in apps.listed() if app[0] != apps.FILES]
    parts = [asyncio.create_task(keep("tint2", "-c", str(_panel())))]
    if PINYIN:
        parts.append(await chinese.bus())
    try:
        desk.lay_out(webuis)
        if PINYIN:
            chinese.lay_out()
    except OSError as error:  # a full disk is emptied from inside the desktop
        say(f"the desk could not be laid out: {error}")
    if shutil.which(desk.COMMAND[0]):
        parts.append(asyncio.create_task(keep(*desk.COMMAND, quiet=True)))
    if webuis and any(map(shutil.which, BROWSERS)):
        await spawn(str(HERE / "browse"), f"file://{welcome.write(webuis)}")
    else:
        await spawn("lxterminal", "--no-remote", "--geometry=100x28", "--title=Terminal")
    if PINYIN:
        parts.append(asyncio.create_task(chinese.method()))
    await asyncio.gather(*parts)


def _panel() -> Path:
    if PINYIN:
        return PANEL
    own = OWN / "tint2rc"
    text = PANEL.read_text(encoding="utf-8").replace(BUTTONS, BUTTONS_WITHOUT_CHINESE)
    own.write_text(text, encoding="utf-8")
    return own
