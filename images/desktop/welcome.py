"""The page that a desktop with a WebUI begins with: what is here, and one button that opens it.

Written at the start of the session from the setup's own words, in both languages, since nobody
knows yet who sits there. The button waits until the WebUI answers; what goes wrong with it is said
below (webui.py).
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from place import HERE, OWN, about

PAGE = OWN / "welcome.html"
_BUTTON = Template(
    '<p><a class="open waits" href="$address" data-app="$name" data-title="$title">'
    '<span class="ready">Open $title · 打开 $title</span>'
    '<span class="wait">$title is starting · $title 正在启动</span></a></p>'
)


def write(apps: list[tuple[str, int]]) -> Path:
    """For these apps, by name and port. OSError."""
    setup, creator = about()
    said = setup | creator
    titles, summary = (said.get(key) or {} for key in ("title", "summary"))
    buttons = [_button(name, port) for name, port in apps]
    page = Template((HERE / "welcome.html").read_text(encoding="utf-8"))
    PAGE.write_text(
        page.substitute(
            title=html.escape(str(titles.get("en", ""))),
            title_zh=html.escape(str(titles.get("zh", ""))),
            summary=html.escape(str(summary.get("en", ""))),
            summary_zh=html.escape(str(summary.get("zh", ""))),
            creator=html.escape(str(said.get("creator", ""))),
            buttons="\n".join(buttons),
        ),
        encoding="utf-8",
    )
    return PAGE


def _button(name: str, port: int) -> str:
    return _BUTTON.substitute(
        address=f"http://127.0.0.1:{port}",
        name=html.escape(name),
        title=html.escape(title(name)),
    )


def title(name: str) -> str:
    """Of an app, as its setup calls it."""
    told = (app for app in about()[0].get("apps", ()) if app["name"] == name)
    return str(next(told, {}).get("title", name))
