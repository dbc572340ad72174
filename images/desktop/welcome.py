"""The page that a desktop with a WebUI begins with: what is here, and one button that opens it.

Written at the start of the session from the setup's own words, in both languages, since nobody
knows yet who sits there. The button waits until the WebUI answers.
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Any

from place import HERE, OWN, about

PAGE = OWN / "welcome.html"
_BUTTON = Template(
    '<p><a class="open" href="$address" data-health="$address$health">'
    '<span class="ready">Open $title · 打开 $title</span>'
    '<span class="wait">$title is starting · $title 正在启动</span></a></p>'
)


def write(apps: list[tuple[str, int]]) -> Path:
    """For these apps, by name and port. OSError."""
    setup, creator = about()
    said = setup | creator
    title, summary = (said.get(key) or {} for key in ("title", "summary"))
    buttons = [_button(setup, name, port) for name, port in apps]
    page = Template((HERE / "welcome.html").read_text(encoding="utf-8"))
    PAGE.write_text(
        page.substitute(
            title=html.escape(str(title.get("en", ""))),
            title_zh=html.escape(str(title.get("zh", ""))),
            summary=html.escape(str(summary.get("en", ""))),
            summary_zh=html.escape(str(summary.get("zh", ""))),
            creator=html.escape(str(said.get("creator", ""))),
            buttons="\n".join(buttons),
        ),
        encoding="utf-8",
    )
    return PAGE


def _button(setup: dict[str, Any], name: str, port: int) -> str:
    told = next((app for app in setup.get("apps", ()) if app["name"] == name), {})
    return _BUTTON.substitute(
        address=f"http://127.0.0.1:{port}",
        health=html.escape(str(told.get("health", "/"))),
        title=html.escape(str(told.get("title", name))),
    )
