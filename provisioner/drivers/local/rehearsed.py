"""What `rehearsal.py` runs where a session would be: says what is missing there, in one line.

Standard library only, for the system's own Python runs it.
"""

import importlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("Xvfb", "openbox", "xrandr", "xsetroot")
STREAMER = "import importlib.util as util, sys; sys.exit(util.find_spec('selkies') is None)"
X_WITHIN_S = 20


def home() -> None:
    place = Path(os.environ["HOME"], ".rehearsal")
    place.write_text("x")
    place.unlink()


def sockets() -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(Path(os.environ["DESK_RUN"], "app-" + "x" * 40 + ".sock")))


def programs() -> None:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise OSError("not found: " + ", ".join(missing))


def python() -> None:
    importlib.import_module("asyncio")  # some systems have but the core of Python


def streamer() -> None:
    done = subprocess.run(
        [os.environ["DESK_STREAMER"], "-c", STREAMER], capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(said[-1] if said else "its packages are not there")


def screen() -> None:
    folder = Path("/tmp/.X11-unix")  # noqa: S108 - where X clients look
    folder.mkdir(mode=0o1777, exist_ok=True)
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "64x64x24"]
    command += ["-nolisten", "tcp", "-nolisten", "local"]
    server = subprocess.Popen(command, pass_fds=(write_end,), stderr=subprocess.PIPE)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        up = answer.readline()
    server.terminate()
    said = (server.communicate()[1] or b"").decode(errors="replace").strip().splitlines()
    if not up:
        raise OSError("the X server ends: " + " ".join(said[-3:]))


def main() -> int:
    for part in (python, home, sockets, programs, streamer, screen):
        try:
            part()
        except Exception as error:
            sys.stdout.write(f"{part.__name__}: {error}\n")
            return 1
    sys.stdout.write("well\n")
    return 0


sys.exit(main())
