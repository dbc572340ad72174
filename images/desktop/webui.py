"""The setup's own program, and what people hear of it: kept alive, its words kept in the home.

`news.js` beside the welcome page says how it stands, rewritten whole whenever that changes. It is
a script because a page of a file may read nothing else; so it holds one call and JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress

from place import HOME, NOTES, OWN, SETUP, say
from programs import FIRST_PAUSE_S, longer, spawn

START = SETUP / "start"
LOG = HOME / "WebUI.log"
OLD_LOG = HOME / "WebUI.old.log"
LARGEST_LOG = 512 * 1024  # bytes; then it becomes the old one
TAIL = 4096  # bytes
TAIL_LINES = 10
TELL_EVERY_S = 2.0  # at most, of mere words
MOST_NOTES, LONGEST_NOTE = 8, 600  # of the program's own; characters
_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Log:
    """What it says, in a small file of the home and its end from memory. A full disk is no end."""

    def __init__(self) -> None:
        self.end = b""

    def add(self, said: bytes) -> None:
        self.end = (self.end + said)[-TAIL:]
        with suppress(OSError):
            if LOG.exists() and LOG.stat().st_size > LARGEST_LOG:
                LOG.replace(OLD_LOG)
            # Of a pipe in its place nobody would read; waiting for that would stop everything.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
            with os.fdopen(os.open(LOG, flags, 0o666), "ab") as file:
                file.write(said)

    def mark(self, words: str) -> None:
        self.add(
            f"--- {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC: {words}\n".encode()
        )

    def tail(self) -> list[str]:
        """Its last lines as a terminal would show them: of a progress bar the latest state."""
        text = _COLOURS.sub(b"", self.end).decode(errors="replace")
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
        return [line for line in lines if line.strip()][-TAIL_LINES:]


class News:
    """How each app stands; what the welcome page shows follows from this alone."""

    def __init__(self, names: list[str]) -> None:
        self.log = Log()
        self.apps = {name: {"up": False, "since": time.time()} for name in names}
        self.end: dict[str, int] | None = None
        self.fell = asyncio.Event()  # wakes whoever looks at the apps
        self._told = ""
        self._told_at = 0.0
        self.tell()

    def app(self, name: str, *, up: bool) -> None:
        """After every look at it."""
        app = self.apps[name]
        if app["up"] is not up:
            app.update(up=up, since=time.time())
            if up:
                self.end = None
            self.tell()
        elif not up and time.monotonic() - self._told_at > TELL_EVERY_S:
            self.tell()

    def ended(self, code: int) -> None:
        times = self.end["times"] + 1 if self.end else 1
        self.end = {"code": code, "times": times}
        for app in self.apps.values():
            app.update(up=False, since=time.time())
        self.tell()
        self.fell.set()
        self.fell.clear()

    def tell(self) -> None:
        said = json.dumps(
            {"apps": self.apps, "ended": self.end, "last": self.log.tail(), "notes": notes()}
        )
        self._told_at = time.monotonic()
        if said == self._told:
            return
        with suppress(OSError):
            draft = OWN / "news.js.new"
            draft.write_text(f"heard({said});\n")
            draft.rename(OWN / "news.js")
            self._told = said


def notes() -> list[dict[str, str]]:
    """The latest that the setup's program has for the person, in both languages."""
    found: list[dict[str, str]] = []
    with suppress(OSError), NOTES.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4 * MOST_NOTES * LONGEST_NOTE))
        for line in file.read().splitlines():
            with suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                note = {language: str(said[language])[:LONGEST_NOTE] for language in ("en", "zh")}
                if note not in found:
                    found.append(note)
    return found[-MOST_NOTES:]


async def keep(news: News) -> None:
    """Started again whenever it ends, ever more slowly."""
    pause_s = FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        news.log.mark("started")
        pipe = asyncio.subprocess.PIPE
        program = await spawn(str(START), out=pipe, err=asyncio.subprocess.STDOUT)
        assert program.stdout
        listens = asyncio.create_task(_listen(program.stdout, news.log))
        code = await program.wait()
        code = code if code >= 0 else 128 - code  # by a signal: as a shell says it
        # What it leaves behind may hold the other end open for ever.
        await asyncio.wait([listens], timeout=1)
        listens.cancel()
        news.log.mark(f"ended with {code}")
        say(f"{START} ended with {code}")
        news.ended(code)
        pause_s = longer(pause_s, lived_s=time.monotonic() - began)
        await asyncio.sleep(pause_s)


async def _listen(words: asyncio.StreamReader, log: Log) -> None:
    while said := await words.read(65536):
        log.add(said)
        with suppress(OSError):
            sys.stdout.buffer.write(said)
            sys.stdout.flush()


def wanted() -> bool:
    return os.access(START, os.X_OK)
