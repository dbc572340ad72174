#!/usr/bin/python3
"""The session inside a desktop: X server, window manager, panel, sound, terminal, streamer.

Runs as the desktop's own unprivileged user, on one machine (in a sandbox) and on a cluster (in a
container) alike; README.md beside this file is the contract. Standard library only.

Environment: DESK_SECRET (what every request must carry), DESK_RUN (folder of the sockets and
marks), HOME, DISPLAY, and optionally DESK_APPS (`name:port` pairs, space separated), DESK_SETUP
(folder of the setup), DESK_STREAMER (Python of the streamer's environment), DESK_AUDIO=no.

Ends, and the desktop with it, when the X server ends, or when the streamer cannot be kept alive.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import shutil
import signal
import struct
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("HOME", "/home/desk"))
RUN = Path(os.environ.get("DESK_RUN", "/run/desk"))
SETUP = Path(os.environ.get("DESK_SETUP", "/opt/setup"))
STREAMER = os.environ.get("DESK_STREAMER", "/opt/selkies/bin/python")
DISPLAY = os.environ.get("DISPLAY", ":0")
SCREEN = "4096x2160x24"  # the largest size a browser window may ask for
# Mode line of the first size; set by xrandr before anything is drawn (gtf 1280 800 60).
FIRST_MODE = ["83.5", "1280", "1352", "1480", "1680", "800", "803", "809", "831"]
STREAMER_MAY_DIE = 5  # this often within STREAMER_MEMORY_S before the session gives up
STREAMER_MEMORY_S = 60.0
HEALTHY_WITHIN_S = 60.0


def say(message: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S.%f} session: {message}\n")
    sys.stdout.flush()


# --- What the outside is told -------------------------------------------------------------------


class Marks:
    """How far the start has come; written whole or not at all."""

    def __init__(self) -> None:
        self.phases: list[dict[str, str | None]] = []

    def begin(self, key: str) -> None:
        now = datetime.now(UTC).isoformat()
        if self.phases:
            self.phases[-1]["ended_at"] = now
        self.phases.append({"key": key, "started_at": now, "ended_at": None})
        self.write(ready=False)

    def ready(self) -> None:
        self.phases[-1]["ended_at"] = datetime.now(UTC).isoformat()
        self.write(ready=True)

    def write(self, *, ready: bool) -> None:
        draft = RUN / "progress.json.new"
        draft.write_text(json.dumps({"phases": self.phases, "ready": ready}))
        draft.rename(RUN / "progress.json")


# --- Processes ----------------------------------------------------------------------------------


async def spawn(
    *command: str, keep_open: tuple[int, ...] = (), **env: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "DESK_SECRET"} | env,
        cwd=HOME,
        pass_fds=keep_open,
    )


async def run(*command: str) -> int:
    return await (await spawn(*command)).wait()


async def keep(*command: str) -> None:
    """A program that belongs to the desktop: started again when it ends, ever more slowly."""
    pause_s = 0.5
    while True:
        began = time.monotonic()
        process = await spawn(*command)
        code = await process.wait()
        say(f"{command[0]} ended with {code}")
        pause_s = 0.5 if time.monotonic() - began > 30 else min(pause_s * 2, 30)
        await asyncio.sleep(pause_s)


# --- The parts ----------------------------------------------------------------------------------


def write_cookie() -> None:
    """What opens the X server: known to nobody but this session."""
    name, cookie = b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16)
    any_host = struct.pack(">HHH", 0xFFFF, 0, 0)  # family "wild"; no address, no display number
    entry = struct.pack(">H", len(name)) + name + struct.pack(">H", len(cookie)) + cookie
    (RUN / "xauth").write_bytes(any_host + entry)
    os.environ["XAUTHORITY"] = str(RUN / "xauth")


async def x_server() -> asyncio.subprocess.Process:
    """X on a socket file alone; back once it answers."""
    with suppress(FileExistsError):
        Path("/tmp/.X11-unix").mkdir(mode=0o1777)  # noqa: S108 - where X clients look
    read_end, write_end = os.pipe()
    server = await spawn(
        "Xvfb", DISPLAY, "-screen", "0", SCREEN, "-nolisten", "tcp", "-nolisten", "local",
        "-auth", os.environ["XAUTHORITY"], "-noreset", "-s", "0", "-dpms", "+extension", "RANDR",
        "-displayfd", str(write_end), keep_open=(write_end,),
    )  # fmt: skip
    os.close(write_end)
    # It says its number and a line end, in two writes, when it is ready.
    with open(read_end, "rb") as answer:
        loop = asyncio.get_running_loop()
        if not await asyncio.wait_for(loop.run_in_executor(None, answer.readline), 20):
            raise RuntimeError(f"the X server ended with {await server.wait()}")
    return server


async def first_size() -> None:
    """Before windows are placed, or they would be centred on the largest screen."""
    await run("xrandr", "--newmode", "first", *FIRST_MODE)
    await run("xrandr", "--addmode", "screen", "first")
    await run("xrandr", "--output", "screen", "--mode", "first")


def has_sound() -> bool:
    """A desktop without sound still works."""
    return os.environ.get("DESK_AUDIO") != "no" and shutil.which("pulseaudio") is not None


# A sink whose monitor the streamer listens to.
SOUND = [
    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-level=error",
    "--realtime=no", "--high-priority=no",
    "-L", "module-native-protocol-unix", "-L", "module-null-sink sink_name=output",
]  # fmt: skip


async def streamer(*, audio: bool) -> asyncio.subprocess.Process:
    with suppress(FileNotFoundError):
        (RUN / "stream.sock").unlink()
    return await spawn(
        STREAMER, "-m", "selkies",
        "--mode", "websockets", "--unix-socket", str(RUN / "stream.sock"),
        "--basic-auth-user", "desk", "--encoder", "jpeg",
        f"--audio-enabled={'true' if audio else 'false'}", "--microphone-enabled=false",
        "--gamepad-enabled=false", "--command-enabled=false", "--enable-sharing=false",
        "--file-manager-path", str(HOME), "--file-transfers", "upload,download",
        "--enable-clipboard", "true", "--ui-title", "Atelier",
        "--ui-sidebar-show-apps=false", "--ui-sidebar-show-gamepads=false",
        SELKIES_BASIC_AUTH_PASSWORD=os.environ["DESK_SECRET"],
        PULSE_SERVER=f"unix:{RUN}/pulse/native",
        # It calls nobody, and reading the list of authorities costs it a tenth of its start.
        SSL_CERT_FILE=os.devnull,
    )  # fmt: skip


async def healthy() -> None:
    """Ask the streamer itself, as a browser's first request would."""
    login = base64.b64encode(f"desk:{os.environ['DESK_SECRET']}".encode()).decode()
    question = f"GET /api/health HTTP/1.0\r\nHost: desk\r\nAuthorization: Basic {login}\r\n\r\n"
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while True:
        with suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_unix_connection(str(RUN / "stream.sock"))
            try:
                writer.write(question.encode())
                answer = await asyncio.wait_for(reader.read(64), 5)
            finally:
                writer.close()
            if b" 200 " in answer:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the streamer was not healthy within {HEALTHY_WITHIN_S:g} s")
        await asyncio.sleep(0.015)


async def keep_streaming(first: asyncio.subprocess.Process, *, audio: bool) -> None:
    """Start the streamer again when it dies; give up when it dies all the time."""
    deaths: list[float] = []
    process = first
    while True:
        code = await process.wait()
        now = time.monotonic()
        deaths = [death for death in deaths if now - death < STREAMER_MEMORY_S] + [now]
        say(f"the streamer ended with {code}, {len(deaths)} times lately")
        if len(deaths) > STREAMER_MAY_DIE:
            raise RuntimeError("the streamer does not stay alive")
        process = await streamer(audio=audio)


async def relay(name: str, port: int) -> None:
    """An app's TCP port, which nobody outside can see, as a socket file that the gateway can."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()  # the app is not up yet: the gateway words that
            return
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        for one in (inner_writer, writer):
            one.close()

    server = await asyncio.start_unix_server(connect, path=str(RUN / f"app-{name}.sock"))
    await server.serve_forever()


def furnish_home() -> None:
    """First files of a new home; never over what is there."""
    for source, target in [
        ("lxterminal.conf", ".config/lxterminal/lxterminal.conf"),
        ("pcmanfm.conf", ".config/pcmanfm/default/pcmanfm.conf"),
        ("bashrc", ".bashrc"),
    ]:
        if not (HOME / target).exists():
            (HOME / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / source, HOME / target)


async def furniture() -> None:
    """A panel, and a terminal to begin with."""
    await run("xsetroot", "-solid", "#E9E3D7", "-cursor_name", "left_ptr")
    await spawn("lxterminal", "--no-remote", "--geometry=100x28", "--title=Terminal")
    await keep("tint2", "-c", str(HERE / "tint2rc"))


# --- The whole ----------------------------------------------------------------------------------


async def prepared() -> bool:
    """The home's first files, and whatever the setup wants done before anything starts."""
    try:
        furnish_home()
    except OSError as error:  # a full disk is emptied from inside the desktop
        say(f"the home could not be furnished: {error}")
    prepare = SETUP / "prepare"
    return not os.access(prepare, os.X_OK) or await run(str(prepare)) == 0


async def main() -> int:
    os.environ.update(
        XDG_RUNTIME_DIR=str(RUN), DISPLAY=DISPLAY, GDK_BACKEND="x11", NO_AT_BRIDGE="1"
    )
    marks = Marks()
    marks.begin("setup")
    if not await prepared():
        say("the setup could not be prepared")
        return 3
    marks.begin("desktop")
    write_cookie()
    # First, because its imports take longest: when it looks for the X server, that is there.
    stream = await streamer(audio=has_sound())
    server = await x_server()
    await first_size()
    parts = [ended(server), keep("openbox", "--config-file", str(HERE / "openbox.xml"))]
    if has_sound():
        parts.append(keep(*SOUND))
    parts.append(keep_streaming(stream, audio=has_sound()))
    for app in os.environ.get("DESK_APPS", "").split():
        name, _, port = app.partition(":")
        parts.append(relay(name, int(port)))
    tasks = [asyncio.create_task(part) for part in parts]
    starts = asyncio.create_task(healthy())
    await asyncio.wait([*tasks, starts], return_when=asyncio.FIRST_COMPLETED)
    if starts.done() and not starts.exception():
        marks.ready()
        say("ready")
        # After the streamer, which would otherwise share the processor with them.
        tasks.append(asyncio.create_task(furniture()))
        if os.access(SETUP / "start", os.X_OK):
            tasks.append(asyncio.create_task(keep(str(SETUP / "start"))))
    else:
        tasks.append(starts)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        say(f"ends: {task.exception()}")
    return 1


async def ended(server: asyncio.subprocess.Process) -> None:
    raise RuntimeError(f"the X server ended with {await server.wait()}")


if __name__ == "__main__":
    os.umask(0o007)  # the gateway's group may use the sockets; nobody else may see anything
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.exit(asyncio.run(main()))
    except (TimeoutError, OSError, RuntimeError) as error:
        say(f"ends: {error}")
        sys.exit(1)
