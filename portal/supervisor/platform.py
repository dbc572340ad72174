"""`up`, from the first check to the last goodbye."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import subprocess
from pathlib import Path

from images import digest, folders, reading
from portal.supervisor import children as table
from portal.supervisor import (
    exposure,
    identity,
    ledger,
    places,
    rehearsal,
    runtime,
    servers,
    spawning,
)
from portal.supervisor.children import Child
from portal.supervisor.keeper import Keeper
from portal.supervisor.places import Places
from portal.supervisor.problems import Trouble

SERVERS = ("postgres", "valkey")
LEFT_OUT = "left out: "  # so begins what `prepare` says of each file that it does without


def start(here: Places) -> Keeper:
    """Everything up, or Trouble with nothing left running. The data folder is claimed already."""
    places.make(here)
    exposure.check(spawning.closed_to(here.person, here.needed), here.person)
    book = ledger.read(here.ledger)
    end_leftovers(here, book)
    web = listen(here.port, "ATELIER_PORT")
    gateway = listen(here.gateway_port, "ATELIER_GATEWAY_PORT")
    book.supervisor = identity.of(os.getpid())
    book.port, book.gateway_port = here.port, here.gateway_port
    book.ready, book.children = False, {}
    book.write()
    keeper = Keeper(here, book)
    keeper.held = runtime.hold(here.run)
    fds = [[one.fileno() for one in some] for some in (web, gateway)]
    try:
        rehearsing = rehearsal.begin(here)
        _start_in_order(keeper, table.table(here, web_fds=fds[0], gateway_fds=fds[1]))
        keeper.warning = rehearsal.end(rehearsing, keeper)
    except BaseException:
        stop(keeper, desktops=False)
        raise
    keeper.sockets = [*web, *gateway]
    book.ready = True
    book.write()
    return keeper


def _start_in_order(keeper: Keeper, all_of_them: dict[str, Child]) -> None:
    """The page first: web before the worker and the watch, who can wait for a second."""
    here = keeper.places
    mine = [all_of_them[name] for name in SERVERS if name in all_of_them]
    fresh = any(child.name == "postgres" for child in mine) and servers.init(
        here.pg, here.person, log=here.log("initdb")
    )
    keeper.start(*mine)
    stamp = prepared_stamp(here)
    to_prepare = fresh or stamp is None or _read(here.data / "prepared") != stamp
    early = [all_of_them[name] for name in ("web", "gateway") if name in all_of_them]
    if not to_prepare:
        keeper.start(*early)
    for child in mine:
        keeper.until(lambda c=child: keeper.healthy(c.name), what=child.name, seconds=60)  # type: ignore[misc]
    if to_prepare:
        left_out = prepare(keeper)
        # What was left out is looked at and told again by the next `up`.
        (here.data / "prepared").write_text("" if left_out else stamp or "")
        keeper.start(*early)
    keeper.until(lambda: keeper.healthy("web"), what="web", seconds=60)
    late = [child for name, child in all_of_them.items() if name not in keeper.kept]
    keeper.start(*late)
    for child in [*early, *late]:
        keeper.until(lambda c=child: keeper.healthy(c.name), what=child.name, seconds=60)  # type: ignore[misc]


def prepared_stamp(here: Places) -> str | None:
    """What the database was last prepared for; None: always prepare (it is not ours alone)."""
    if os.environ.get("DATABASE_URL"):
        return None
    state = hashlib.sha256()
    patterns = ("*/migrations/*.py", "*/*/migrations/*.py")
    files = [path for pattern in patterns for path in here.root.glob(pattern)]
    files += [here.root / "requirements/run.txt", *here.root.glob("portal/catalog/*.toml")]
    files += here.root.glob("portal/management/commands/*.py")
    for path in sorted(files):
        state.update(f"{path.relative_to(here.root)} {path.stat().st_size}\n".encode())
        state.update(path.read_bytes() if path.suffix == ".toml" else b"")
    state.update(_setups(here.root).encode())
    return state.hexdigest()


def _setups(root: Path) -> str:
    """What the folders of setups say and hold; what is wrong with them, loading says better."""
    found = folders.look(root / "images", folders.further())
    said = [f"{one}\n" for one in found.left_out]
    for slug, place in found.places.items():
        try:
            said.append(f"{slug} {digest.of(slug, found.places)}\n{reading.text(place.file)}")
        except folders.SetupError as error:
            said.append(f"{error}\n")
    return "".join(said)


def prepare(keeper: Keeper) -> list[str]:
    """Migrations, catalogue, demo people: one Django start for all of it.

    Says what of the catalogue's files was left out, and answers it. Trouble where it failed.
    """
    here = keeper.places
    print("Preparing the database …", flush=True)
    command = [str(here.python), str(here.root / "manage.py"), "prepare", "--as-it-was"]
    child = Child("prepare", command)
    log = here.log("prepare")
    before = len(_read(log) or "")
    process = spawning.start(
        command,
        person=here.person,
        log=log,
        env=table.environment(here, child),
        paths=here.needed,
    )
    try:
        keeper.until(lambda: process.poll() is not None, what="prepare", seconds=300)
    finally:
        if process.poll() is None:
            process.kill()
    if process.returncode != 0:
        raise Trouble(f"The database could not be prepared. From {log}:\n{spawning.tail(log)}")
    said = _read(log) or ""
    news = said[before:] if len(said) >= before else said  # a long log begins anew
    left_out = [line for line in news.splitlines() if line.startswith(LEFT_OUT)]
    for line in left_out:
        print(line, flush=True)
    return left_out


def listen(port: int, variable: str) -> list[socket.socket]:
    """Sockets on both loopback addresses: whoever held the other would receive the cookies."""
    bound = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            one = socket.socket(family)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, port))
            one.listen(256)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in _NO_IPV6:
                continue
            why = {
                errno.EADDRINUSE: "is taken by another program",
                errno.EACCES: "may only be opened by root",
            }.get(error.errno or 0, error.strerror)
            raise Trouble(
                f"Port {port} on {address} {why}. Free it, or choose another one with {variable}."
            ) from None
        bound.append(one)
    return bound


_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def end_leftovers(here: Places, book: ledger.Ledger) -> list[str]:
    """What a supervisor that was killed left running. Desktops stay: the worker adopts them."""
    left = book.living()
    if not left:
        return []
    print(f"Taking over from a supervisor that died: {', '.join(left)}", flush=True)
    identity.end([one for n, one in left.items() if n not in SERVERS], 15, grace_s=6)
    # SIGINT: the fast shutdown of PostgreSQL; Valkey takes it for the same.
    identity.end([one for n, one in left.items() if n in SERVERS], 2, grace_s=10)
    return sorted(left)


def stop(keeper: Keeper, *, desktops: bool = True) -> None:
    """Those who start desktops first, then desktops, then everything else."""
    keeper.starting = False
    keeper.ledger.ready = False
    keeper.stop(["worker", "watch", "web", "gateway"])
    if desktops:
        end_desktops(keeper.places)
    keeper.stop(["valkey", "postgres"], grace_s=15)
    runtime.remove(keeper.places.run, keeper.places.data)
    keeper.ledger.supervisor = None
    with contextlib.suppress(OSError):  # the disk may have run full
        keeper.ledger.write()


def end_desktops(here: Places) -> None:
    """What is wanted stays wanted: the next `up` starts them again, with their files."""
    if not (here.root / "provisioner/drivers/local/stop_all.py").exists():
        return
    command = [str(here.python), "-m", "provisioner.drivers.local.stop_all"]
    env = table.environment(here, Child("stop_all", command, drop=False))
    try:
        done = subprocess.run(
            command, cwd=here.root, env=env, timeout=30, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        print("Desktops did not end within 30 s.", flush=True)
        return
    if done.returncode != 0:
        print(f"Ending desktops failed:\n{done.stderr.decode(errors='replace')}", flush=True)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None
