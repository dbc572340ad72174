"""What lies on the desk: a wallpaper, and icons for the models, the pictures and the WebUI.

pcmanfm draws both, and is then the file manager's windows as well. Laid out once in a new home, in
both languages; from then on the desk is theirs who sit at it.
"""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

import welcome
from place import HERE, HOME

COMMAND = ("pcmanfm", "--desktop")
DESK = HOME / "Desktop"
LOOKS = HOME / ".config/pcmanfm/default/desktop-items-0.conf"
_ICON = Template(
    "[Desktop Entry]\nType=Application\nName=$name\nIcon=$icon\nExec=$command\nTerminal=false\n"
)


def lay_out(apps: list[tuple[str, int]]) -> None:
    """For these apps of the setup. OSError."""
    if not LOOKS.exists():
        LOOKS.parent.mkdir(parents=True, exist_ok=True)
        said = Template((HERE / "desktop-items.conf").read_text(encoding="utf-8"))
        LOOKS.write_text(said.substitute(here=HERE), encoding="utf-8")
    if DESK.exists():
        return
    DESK.mkdir()
    icons = [
        ("models", "Models · 模型", "folder", f'pcmanfm "{HOME}/Models"'),
        ("outputs", "Outputs · 作品", "folder-pictures", f'pcmanfm "{HOME}/Outputs"'),
    ]
    for name, _port in apps:
        page = f'"{HERE}/browse" "file://{welcome.PAGE}#{name}"'
        icons.append((name, f"Open {welcome.title(name)} · 打开", "web-browser", page))
    # They stand in the order of their age; all at one moment would be in no order.
    for age, (file, name, icon, command) in enumerate(reversed(icons)):
        _write(DESK / f"{file}.desktop", age_s=age, name=name, icon=icon, command=command)


def _write(path: Path, *, age_s: int, **said: str) -> None:
    path.write_text(_ICON.substitute(said), encoding="utf-8")
    made = path.stat().st_mtime - age_s
    os.utime(path, (made, made))
