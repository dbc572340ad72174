"""`python -m portal.supervisor up [--detach] | down | status [--json]`; people call `./dev …`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace

from portal.supervisor import (
    children,
    identity,
    ledger,
    panel,
    person,
    places,
    platform,
    problems,
    runtime,
)
from portal.supervisor.keeper import Stopped
from portal.supervisor.places import Places
from portal.supervisor.problems import Trouble


def main(words: list[str]) -> int:
    verbs = {"up": _up, "down": _down, "status": _status}
    verb = verbs.get(words[0] if words else "")
    if verb is None or any(word not in ("--detach", "--json") for word in words[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return verb(places.read(person.service()), words[1:])
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1


def _up(here: Places, options: list[str]) -> int:
    places.claim(here)
    if "--detach" not in options:
        return _run(here, detached=False)
    ear, mouth = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child:
        os.close(mouth)
        answer = os.read(ear, 1)  # empty where it died without a word
        return 0 if answer == b"0" else 1
    os.close(ear)
    os.setsid()
    code = _run(here, detached=True, mouth=mouth)
    sys.stdout.flush()
    os._exit(code)


def _run(here: Places, *, detached: bool, mouth: int = -1) -> int:
    with problems.worded(here.data):
        lock = ledger.take(here.lock)
    if lock is None:
        book = ledger.read(here.ledger)
        who = f" (pid {book.supervisor.pid})" if book.supervisor else ""
        raise_at = f"http://localhost:{book.port}" if book.port else "its address"
        print(
            f"Atelier is already running on {here.data}{who} at {raise_at}. Stop it with ./dev "
            "down, or choose other ATELIER_DATA, ATELIER_PORT and ATELIER_GATEWAY_PORT.",
            file=sys.stderr,
            flush=True,
        )
        return 1
    try:
        with problems.worded(here.data):
            keeper = platform.start(here)
    except Stopped:
        print("\nStopped.", flush=True)
        return 130
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr, flush=True)
        return 1
    print(panel.up(here, detached=detached, warning=keeper.warning), flush=True)
    if detached:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _let_go_of_the_terminal(here)
        os.write(mouth, b"0")
        os.close(mouth)
    try:
        keeper.keep()
    finally:
        print("\nStopping …", flush=True)
        platform.stop(keeper)
    print("Stopped. Everything is kept.", flush=True)
    return 0


def _let_go_of_the_terminal(here: Places) -> None:
    sys.stdout.flush()
    log = os.open(here.log("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)


def _down(here: Places, _options: list[str]) -> int:
    book = ledger.read(here.ledger)
    if book.supervised and book.supervisor:
        identity.send(book.supervisor, signal.SIGTERM)
        deadline = time.monotonic() + 60
        while identity.alive(book.supervisor):
            if time.monotonic() > deadline:
                raise Trouble(f"The supervisor (pid {book.supervisor.pid}) does not end.")
            time.sleep(0.02)
        print("Stopped. Everything is kept.")
        return 0
    left = platform.end_leftovers(here, book) if here.data.exists() else []
    if here.data.exists():
        platform.end_desktops(here)
        runtime.remove(places.written_run(here), here.data)
    print(f"Stopped what was left: {', '.join(left)}." if left else "Nothing was running.")
    return 0


def _status(here: Places, options: list[str]) -> int:
    book = ledger.read(here.ledger)
    if book.port:
        run = places.written_run(here)
        here = replace(here, port=book.port, gateway_port=book.gateway_port, made_run=run)
    living = book.living()
    entries: list[dict[str, object]] = []
    for name, child in children.table(here).items():
        kept = book.children.get(name, {})
        well = name in living and (child.healthy is None or child.healthy())
        entries.append(
            {
                "name": name,
                "pid": living[name].pid if name in living else None,
                "healthy": well,
                "restarts": kept.get("restarts", 0),
                "since": kept.get("since"),
            }
        )
    running = book.supervised and all(entry["healthy"] for entry in entries)
    if "--json" in options:
        answer = {
            "running": running,
            "supervisor": book.supervisor.pid if book.supervised and book.supervisor else None,
            "url": here.url,
            "gateway_port": here.gateway_port,
            "data": str(here.data),
            "processes": entries,
        }
        print(json.dumps(answer, indent=1))
    else:
        print(panel.status(entries, running=running, places=here))
    return 0 if running else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
