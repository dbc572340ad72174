"""The parts of a running session, and what happens when one of them ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import apps
import webui
from place import (
    DISPLAY,
    HERE,
    LOGIN,
    PORT,
    RUN,
    SOUND,
    STREAM,
    Marks,
    say,
    start_streamer,
)
from programs import keep, once, spawn

SCREEN = "4096x2160x24"  # the largest size a browser window may ask for
# Mode line of the first size; set by xrandr before anything is drawn (gtf 1280 800 60).
FIRST_MODE = ["83.5", "1280", "1352", "1480", "1680", "800", "803", "809", "831"]
STREAMER_MAY_DIE = 5  # this often within STREAMER_MEMORY_S before the session gives up
STREAMER_MEMORY_S = 60.0
HEALTHY_WITHIN_S = 60.0
X_WITHIN_S = 20.0
X_IS_SLOW_S = 0.15  # the streamer imports for three times as long before it needs X
# A sink whose monitor the streamer listens to.
PULSEAUDIO = [
    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-level=error",
    "--realtime=no", "--high-priority=no",
    "-L", "module-native-protocol-unix", "-L", "module-null-sink sink_name=output",
]  # fmt: skip


def run(marks: Marks, streamer: int) -> int:
    # Told to end is not success: of a pod that ends with 0 Kubernetes forgets why it was evicted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return asyncio.run(_live(marks, streamer))
    except (TimeoutError, OSError, RuntimeError) as error:
        say(f"ends: {error}")
        return 1


async def _live(marks: Marks, first_streamer: int) -> int:
    server = await _screen_before(first_streamer)
    await _first_size()
    parts = [
        _ended(server),
        keep("openbox", "--config-file", str(HERE / "openbox.xml")),
        _keep_streaming(first_streamer),
    ]
    if SOUND:
        parts.append(keep(*PULSEAUDIO))
    parts += apps.doors()
    if files := apps.files_server():
        parts.append(keep(*files))
    news = webui.News([name for name, _port in apps.listed() if name != apps.FILES])
    parts += apps.watched(marks, news)
    tasks = [asyncio.create_task(part) for part in parts]
    starts = asyncio.create_task(_healthy())
    await asyncio.wait([*tasks, starts], return_when=asyncio.FIRST_COMPLETED)
    if starts.done() and not starts.exception():
        marks.ready()
        say("ready")
        # After the streamer, which would otherwise share the processor with all this.
        import furniture

        tasks.append(asyncio.create_task(furniture.furnish()))
        if webui.wanted():
            tasks.append(asyncio.create_task(webui.keep(news)))
    else:
        tasks.append(starts)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        say(f"ends: {task.exception()}")
    return 1


# --- The screen ---------------------------------------------------------------------------------


async def _ended(server: asyncio.subprocess.Process) -> None:
    raise RuntimeError(f"the X server ended with {await server.wait()}")


async def _x_server() -> asyncio.subprocess.Process:
    """X on a socket file alone; back once it answers."""
    with suppress(FileExistsError):
        Path("/tmp/.X11-unix").mkdir(mode=0o1777)  # noqa: S108 - where X clients look
    read_end, write_end = os.pipe()
    server = await spawn(
        "Xvfb", DISPLAY, "-screen", "0", SCREEN, "-nolisten", "tcp", "-nolisten", "local",
        "-auth", str(RUN / "xauth"), "-noreset", "-s", "0", "-dpms", "+extension", "RANDR",
        "-displayfd", str(write_end), keep_open=(write_end,),
    )  # fmt: skip
    os.close(write_end)
    # It says its number and a line end, in two writes, when it is ready.
    with os.fdopen(read_end, "rb") as answer:
        said = asyncio.get_running_loop().run_in_executor(None, answer.readline)
        if not await asyncio.wait_for(said, X_WITHIN_S):
            raise RuntimeError(f"the X server ended with {await server.wait()}")
    return server


async def _screen_before(streamer: int) -> asyncio.subprocess.Process:
    """The X server, up before the streamer looks for it: where X is slow, the streamer waits.

    One that finds no X server runs on without keyboard and mouse.
    """
    starts = asyncio.create_task(_x_server())
    await asyncio.wait([starts], timeout=X_IS_SLOW_S)
    if starts.done():
        return starts.result()
    os.kill(streamer, signal.SIGSTOP)
    try:
        return await starts
    finally:
        os.kill(streamer, signal.SIGCONT)


async def _first_size() -> None:
    """Before windows are placed, or they would be centred on the largest screen."""
    await once("xrandr", "--newmode", "first", *FIRST_MODE)
    await once("xrandr", "--addmode", "screen", "first")
    await once("xrandr", "--output", "screen", "--mode", "first")
    await once("xsetroot", "-solid", "#F1ECE1", "-cursor_name", "left_ptr")


# --- The streamer -------------------------------------------------------------------------------


async def _keep_streaming(pid: int) -> None:
    """Start the streamer again when it dies; give up when it dies all the time."""
    deaths: list[float] = []
    while True:
        code = await _wait(pid)
        now = time.monotonic()
        deaths = [death for death in deaths if now - death < STREAMER_MEMORY_S] + [now]
        say(f"the streamer ended with {code}, {len(deaths)} times lately")
        if len(deaths) > STREAMER_MAY_DIE:
            raise RuntimeError("the streamer does not stay alive")
        pid = start_streamer()


async def _wait(pid: int) -> int:
    """What a child that asyncio has not started ended with."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, lambda: ended.done() or ended.set_result(None))
    try:
        await ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def _healthy() -> None:
    """Ask the streamer itself, as a browser's first request would."""
    question = b"GET /api/health HTTP/1.0\r\nHost: desk\r\nAuthorization: %b\r\n\r\n" % LOGIN
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while True:
        with suppress(OSError, asyncio.TimeoutError):
            reader, writer = await _dial()
            try:
                writer.write(question)
                answer = await asyncio.wait_for(reader.read(64), 5)
            finally:
                writer.close()
            if b" 200 " in answer:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the streamer was not healthy within {HEALTHY_WITHIN_S:g} s")
        await asyncio.sleep(0.01)


async def _dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if PORT:
        return await asyncio.open_connection("127.0.0.1", PORT)
    return await asyncio.open_unix_connection(str(STREAM))
