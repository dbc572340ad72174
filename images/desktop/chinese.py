"""Chinese input: fcitx5 with Rime's pinyin, on a session bus that only it uses.

Begun after the desktop is ready; Ctrl+Space or the panel's button switches. The dictionaries are
read at the first switch, and Rime's own are taken as they are. Where a part of it is not installed
(place.PINYIN) there is none of this, and programs are told nothing of it.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from place import BUS, HERE, HOME
from programs import keep

# This bus starts nothing on demand: what a machine would bring along has no place in here.
BUS_DAEMON = (
    "dbus-daemon", f"--config-file={HERE}/pinyin/bus.conf", f"--address=unix:path={BUS}",
    "--nofork", "--nopidfile",
)  # fmt: skip
# What this desktop has no use for, and what would ask for more of a desktop than there is.
WITHOUT = (
    "clipboard,emoji,fcitx4frontend,ibusfrontend,imselector,kimpanel,notificationitem,"
    "notifications,quickphrase,spell,unicode,wayland,waylandim"
)
FIRST_FILES = {
    "profile": ".config/fcitx5/profile",
    "config": ".config/fcitx5/config",
    "classicui.conf": ".config/fcitx5/conf/classicui.conf",
    "default.custom.yaml": ".local/share/fcitx5/rime/default.custom.yaml",
}
BUS_WITHIN_S = 5.0


def lay_out() -> None:
    """Its settings, in a home that has none; theirs from then on. OSError."""
    for source, target in FIRST_FILES.items():
        if not (HOME / target).exists():
            (HOME / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / "pinyin" / source, HOME / target)


async def bus() -> asyncio.Task[None]:
    """Up before the first program starts: one that finds no bus stays without Chinese."""
    Path(BUS).unlink(missing_ok=True)
    kept = asyncio.create_task(keep(*BUS_DAEMON, quiet=True))
    for _ in range(round(BUS_WITHIN_S / 0.01)):
        if Path(BUS).exists():
            break
        await asyncio.sleep(0.01)
    return kept


async def method() -> None:
    # It writes a line for every file it looks at.
    await keep("fcitx5", f"--disable={WITHOUT}", quiet=True)
