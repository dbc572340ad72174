"""What a desktop sees: the command line of its sandbox. Pure, but for asking what works here.

As root, desktops get an unprivileged uid, a network and limits of their own. As a plain user the
sandbox is a user namespace: own processes and files, but the network is shared. Where neither
works a desktop is a plain process of the platform's user, and its page says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from provisioner.drivers.local import firewall
from provisioner.drivers.local.folders import Folder

Kind = Literal["root", "user", "none"]

# Read-only from this machine, where they exist.
ETC = ["alternatives", "fonts", "ssl", "ca-certificates", "X11", "xdg", "localtime", "ld.so.cache"]
ETC += ["ld.so.conf", "ld.so.conf.d", "gtk-3.0", "mime.types", "nsswitch.conf", "pulse"]


@dataclass(frozen=True)
class Outside:
    """Where things lie on this machine."""

    desktop: Path  # the session's own files
    streamer: Path
    shelf: Path  # every prepared setup, with the environments that they link to
    models: Path
    setup: Path  # on the shelf
    creator: Path | None = None  # on the shelf: what somebody added to that setup


@dataclass(frozen=True)
class Inside:
    """Where things lie for whoever is inside."""

    home: Path
    run: Path
    desktop: Path
    setup: Path
    creator: Path | None
    models: Path
    streamer: Path
    display: str


SHELF = Path("/opt/setups")


def inside(kind: Kind, folder: Folder, outside: Outside, *, slot: int) -> Inside:
    if kind == "none":
        return Inside(
            home=folder.home,
            run=folder.short_run,
            desktop=outside.desktop,
            setup=outside.setup,
            creator=outside.creator,
            models=outside.models,
            streamer=outside.streamer,
            # Displays are shared with this machine, so each place has a number of its own.
            display=f":{90 + slot}",
        )
    return Inside(
        home=Path("/home/desk"),
        run=Path("/run/desk"),
        desktop=Path("/opt/desktop"),
        setup=SHELF / outside.setup.name,
        creator=SHELF / outside.creator.name if outside.creator else None,
        models=Path("/opt/models"),
        streamer=Path("/opt/selkies"),
        display=":0",
    )


@cache
def kind() -> Kind:
    """The strongest isolation that works here."""
    if not shutil.which("bwrap"):
        return "none"
    root = os.geteuid() == 0
    probe = ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    probe += [] if root else ["--unshare-user"]
    try:
        done = subprocess.run([*probe, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    if done.returncode != 0:
        return "none"
    return "root" if root else "user"


@cache
def has_network() -> bool:
    """Whether a desktop can have a network of its own."""
    return (
        os.geteuid() == 0 and bool(shutil.which("slirp4netns")) and Path("/dev/net/tun").exists()
    )


def command(
    kind: Kind,
    folder: Folder,
    view: Inside,
    outside: Outside,
    *,
    uid: int,
    devices: Sequence[Path] = (),
    program: Sequence[str] = (),
) -> list[str]:
    """The command that `spawn.sh` runs; it writes who its init is to descriptor 3.

    `program` is run in place of the session.
    """
    session = [*program] or ["/usr/bin/python3", "-S", str(view.desktop / "session.py")]
    if kind == "none":
        return session
    # The sandbox's init lives on while anything inside does: a session that ends takes all along.
    session = ["/bin/sh", "-c", '"$@"; code=$?; kill -9 -1; exit $code', "session", *session]
    bwrap = [
        "bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--info-fd", "3",
        "--hostname", "desktop",
    ]  # fmt: skip
    if kind == "root":
        bwrap += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        if has_network():
            bwrap += ["--unshare-net"]
        session = [
            "setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
            "--no-new-privs", "--bounding-set=-all", *session,
        ]  # fmt: skip
    else:
        bwrap += ["--unshare-user"]
    bwrap += ["--perms", "0755", "--tmpfs", "/", "--ro-bind", "/usr", "/usr"]
    for link in ("bin", "lib", "lib64", "sbin"):
        bwrap += ["--symlink", f"usr/{link}", f"/{link}"]
    bwrap += ["--perms", "0755", "--dir", "/etc"]
    for name in ETC:
        if Path("/etc", name).exists():
            bwrap += ["--ro-bind", f"/etc/{name}", f"/etc/{name}"]
    for name in ("passwd", "group", "hosts", "resolv.conf"):
        bwrap += ["--ro-bind", str(folder.etc / name), f"/etc/{name}"]
    bwrap += ["--dev", "/dev", "--proc", "/proc"]
    for device in devices:
        bwrap += ["--dev-bind", str(device), str(device)]
    bwrap += ["--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    bwrap += ["--perms", "1777", "--dir", "/tmp/.X11-unix", "--perms", "0755", "--dir", "/var"]  # noqa: S108
    if Path("/var/cache/fontconfig").exists():
        # Without it every program measures every font anew.
        bwrap += ["--perms", "0755", "--dir", "/var/cache"]
        bwrap += ["--ro-bind", "/var/cache/fontconfig", "/var/cache/fontconfig"]
    for place in ("/home", "/run", "/opt"):
        bwrap += ["--perms", "0755", "--dir", place]
    bwrap += ["--bind", str(folder.home), str(view.home), "--bind", str(folder.run), str(view.run)]
    bwrap += ["--ro-bind", str(outside.streamer), str(view.streamer)]
    bwrap += ["--ro-bind", str(outside.desktop), str(view.desktop)]
    bwrap += ["--ro-bind", str(outside.shelf), str(SHELF)]
    bwrap += ["--ro-bind-try", str(outside.models), str(view.models)]
    return [*bwrap, "--chdir", str(view.home), *session]


def environment(view: Inside, *, id: str, secret: str, apps: list[str]) -> dict[str, str]:
    """All that a session is told. The secret goes by environment: a command line is public."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(view.home),
        "USER": "desk",
        "LOGNAME": "desk",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "DISPLAY": view.display,
        "DESK_SECRET": secret,
        "DESK_RUN": str(view.run),
        "DESK_SETUP": str(view.setup),
        "DESK_CREATOR": str(view.creator or ""),
        "DESK_MODEL_STORE": str(view.models),
        "DESK_STREAMER": str(view.streamer / "bin" / "python"),
        "DESK_APPS": " ".join(apps),
        "ATELIER_DESKTOP": id,
    }


def write_etc(folder: Folder, *, uid: int, own_network: bool) -> None:
    """Who the desktop thinks it is, and whom it asks for names."""
    folder.etc.mkdir(mode=0o755, exist_ok=True)
    gid = uid
    files = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n"
        f"desk:x:{uid}:{gid}:Desktop:/home/desk:/bin/bash\n",
        "group": f"root:x:0:\ndesk:x:{gid}:\n",
        "hosts": "127.0.0.1 localhost desktop\n::1 localhost ip6-localhost\n",
        "resolv.conf": f"nameserver {firewall.RESOLVER}\n" if own_network else _host_resolver(),
    }
    for name, text in files.items():
        (folder.etc / name).write_text(text)
        (folder.etc / name).chmod(0o644)


def _host_resolver() -> str:
    try:
        return Path("/etc/resolv.conf").read_text()
    except OSError:
        return ""
