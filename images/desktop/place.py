"""Where a session runs, what it says to the outside, and how its streamer is started.

Imports next to nothing: all this happens before the streamer's long start.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import encoding

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("HOME", "/home/desk"))
RUN = Path(os.environ.get("DESK_RUN", "/run/desk"))
SETUP = Path(os.environ.get("DESK_SETUP", "/opt/setup"))
CREATOR = os.environ.get("DESK_CREATOR", "")  # what somebody added to that setup
MODEL_STORE = Path(os.environ.get("DESK_MODEL_STORE", "/opt/models"))
MODELS = RUN / "models"  # the setup's own, by kind; links into the store
STREAMER = os.environ.get("DESK_STREAMER", "/opt/selkies/bin/python")
PORT = int(os.environ.get("DESK_PORT") or 0)  # 0: a socket file; else on every address of a pod
DISPLAY = os.environ.get("DISPLAY", ":0")
SOUND = os.environ.get("DESK_AUDIO") != "no" and shutil.which("pulseaudio") is not None
STREAM = RUN / "stream.sock"
# The session's own part of it: some programs want theirs to belong to nobody else.
OWN = RUN / "own"
BUS = OWN / "bus"
NOTES = (
    OWN / "notes.jsonl"
)  # what the setup's program has to say to the person, {"en", "zh"} a line
# Whether there is Chinese input here; a desktop without it types what the keyboard says.
PINYIN = shutil.which("dbus-daemon") is not None and all(
    Path("/usr/share", part).exists() for part in ("fcitx5/addon/rime.conf", "rime-data/build")
)
# Folder of each kind of model, among the shared ones and in the home alike.
KINDS = {
    "checkpoint": "checkpoints",
    "lora": "loras",
    "vae": "vae",
    "embedding": "embeddings",
    "controlnet": "controlnet",
    "upscaler": "upscalers",
}

UTC = timezone.utc  # noqa: UP017 - the session also runs where Python is older


def _secret() -> str:
    """By file in a pod, where the environment is for everybody to read who may look at the pod."""
    path = os.environ.get("DESK_SECRET_FILE")
    return Path(path).read_text().strip() if path else os.environ.get("DESK_SECRET", "")


SECRET = _secret()
LOGIN = b"Basic " + base64.b64encode(f"desk:{SECRET}".encode())


def say(message: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S.%f} session: {message}", flush=True)  # noqa: T201


def environment(**more: str) -> dict[str, str]:
    """For everything inside; the secret is the streamer's alone."""
    kept = {name: value for name, value in os.environ.items() if name != "DESK_SECRET"}
    typing = {
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={BUS}",
        "GTK_IM_MODULE": "fcitx",
        "QT_IM_MODULE": "fcitx",
        "XMODIFIERS": "@im=fcitx",
    }
    return kept | {
        "DESK_NOTES": str(NOTES),
        "DISPLAY": DISPLAY,
        "XAUTHORITY": str(RUN / "xauth"),
        "XDG_RUNTIME_DIR": str(OWN),
        "XDG_DATA_DIRS": f"{HERE}:/usr/local/share:/usr/share",  # the windows' theme is here
        "GDK_BACKEND": "x11",
        "GTK2_RC_FILES": str(HERE / "gtkrc"),
        "NO_AT_BRIDGE": "1",
        "DESK_SETUP": str(SETUP),
        "DESK_CREATOR": CREATOR,
        "DESK_MODELS": str(MODELS),
        **(typing if PINYIN else {}),
        **more,
    }


class Marks:
    """How far the start has come; written whole or not at all."""

    def __init__(self) -> None:
        self.phases: list[dict[str, str | None]] = []
        self.apps: dict[str, dict[str, str | None]] = {}
        self.is_ready = False

    def begin(self, key: str) -> None:
        now = datetime.now(UTC).isoformat()
        if self.phases:
            self.phases[-1]["ended_at"] = now
        self.phases.append({"key": key, "started_at": now, "ended_at": None})
        self.write()

    def ready(self) -> None:
        self.phases[-1]["ended_at"] = datetime.now(UTC).isoformat()
        self.is_ready = True
        self.write()

    def app(self, name: str, *, up: bool) -> None:
        self.apps[name] = {"ready_at": datetime.now(UTC).isoformat() if up else None}
        self.write()

    def write(self) -> None:
        said = {"phases": self.phases, "ready": self.is_ready, "apps": self.apps}
        draft = RUN / "progress.json.new"
        draft.write_text(json.dumps(said))
        draft.rename(RUN / "progress.json")


def write_cookie() -> None:
    """What opens the X server: known to nobody but this session."""
    name, cookie = b"MIT-MAGIC-COOKIE-1", os.urandom(16)
    entry = b"\xff\xff" + b"\0\0" * 2  # family "wild": any address, any display
    for field in (name, cookie):
        entry += len(field).to_bytes(2, "big") + field
    (RUN / "xauth").write_bytes(entry)


def about() -> list[dict[str, Any]]:
    """What the setup says of itself, and then what the layer on top of it says."""
    found = []
    for folder in (str(SETUP), CREATOR):
        try:
            import tomllib

            found.append(tomllib.loads(Path(folder, "setup.toml").read_text("utf-8-sig")))
        except (ImportError, OSError, ValueError):
            found.append({})
    return found


def lay_out_models() -> None:
    """The shared models that belong to this setup, as files with names, by kind. Links only."""
    shutil.rmtree(MODELS, ignore_errors=True)
    for kind in KINDS.values():
        (MODELS / kind).mkdir(parents=True)
    for said in about():
        for model in said.get("models", ()):
            stored = MODEL_STORE / model["sha256"]
            if stored.exists():
                (MODELS / KINDS[model["kind"]] / Path(model["file"]).name).symlink_to(stored)


def furnish_home() -> None:
    """First files of a new home, and the folders for models and pictures; never over what is."""
    for folder in ("Outputs", *(f"Models/{kind}" for kind in KINDS.values())):
        with suppress(FileExistsError, NotADirectoryError):  # whoever needs it puts that aside
            (HOME / folder).mkdir(parents=True, exist_ok=True)
    for source, target in [
        ("lxterminal.conf", ".config/lxterminal/lxterminal.conf"),
        ("pcmanfm.conf", ".config/pcmanfm/default/pcmanfm.conf"),
        ("libfm.conf", ".config/libfm/libfm.conf"),
        ("bashrc", ".bashrc"),
    ]:
        with suppress(FileExistsError, NotADirectoryError, PermissionError):
            if not (HOME / target).exists():
                (HOME / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(HERE / source, HOME / target)


def start_streamer() -> int:
    """Its process id. It takes half a second of imports before it looks for the X server."""
    STREAM.unlink(missing_ok=True)
    where = ["--public", "--port", str(PORT)] if PORT else ["--unix-socket", str(STREAM)]
    command = [
        STREAMER, "-m", "selkies",
        "--mode", "websockets", *where,
        "--basic-auth-user", "desk", "--encoder", encoding.chosen(),
        f"--audio-enabled={'true' if SOUND else 'false'}", "--microphone-enabled=false",
        "--webcam-enabled=false", "--gamepad-enabled=false", "--printing-enabled=false",
        "--command-enabled=false", "--enable-sharing=false", "--second-screen=false",
        "--file-manager-path", str(HOME), "--file-transfers", "upload,download",
        "--enable-clipboard", "true", "--ui-title", "Atelier", "--ui-show-logo=false",
        "--ui-show-sidebar=false",  # the page around it has a bar of its own
    ]  # fmt: skip
    env = environment(
        SELKIES_BASIC_AUTH_PASSWORD=SECRET,
        PULSE_SERVER=f"unix:{OWN}/pulse/native",
        # It calls nobody, and reading the list of authorities costs it a tenth of its start.
        SSL_CERT_FILE=os.devnull,
    )
    sys.stdout.flush()
    return os.posix_spawn(STREAMER, command, env)
