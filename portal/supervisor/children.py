"""The table of processes: what each is called with, as whom, and how to know that it is well."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.supervisor import servers
from portal.supervisor.places import Places


@dataclass(frozen=True)
class Child:
    name: str
    command: list[str]
    healthy: Callable[[], bool] | None = None  # None: alive is well
    drop: bool = True  # to the service user, where we are root
    fds: tuple[int, ...] = ()
    stop_signal: int = signal.SIGTERM


def table(
    places: Places, *, web_fds: Sequence[int] = (), gateway_fds: Sequence[int] = ()
) -> dict[str, Child]:
    """In the order of starting. A server given by its URL is somebody else's to run."""
    python, run = str(places.python), places.run
    children = []
    if not os.environ.get("DATABASE_URL"):
        command = servers.postgres_command(places.pg, run)
        answers = lambda: servers.postgres_answers(run)  # noqa: E731
        # SIGINT is PostgreSQL's fast shutdown: it waits for no client.
        children.append(Child("postgres", command, answers, stop_signal=signal.SIGINT))
    if not os.environ.get("BROKER_URL"):
        answers = lambda: servers.valkey_answers(run)  # noqa: E731
        children.append(Child("valkey", servers.valkey_command(run), answers))
    web = [python, "-m", "portal.supervisor.web"]
    children.append(
        Child("web", web, lambda: answers_http(places.port, "/healthz"), fds=tuple(web_fds))
    )
    gateway = [python, "-m", "portal.access.gateway"]
    children.append(
        Child(
            "gateway", gateway, lambda: answers_http(places.gateway_port), fds=tuple(gateway_fds)
        )
    )
    worker = [
        *(python, "-m", "celery", "-A", "portal.celery", "worker", "--pool", "threads", "-c", "8"),
        *("--clock", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "WARNING"),
    ]
    children.append(Child("worker", worker, lambda: ready(places, "worker"), drop=False))
    watch = [python, str(places.root / "manage.py"), "watch"]
    children.append(Child("watch", watch, lambda: ready(places, "watch"), drop=False))
    return {child.name: child for child in children}


def environment(places: Places, child: Child) -> dict[str, str]:
    env = dict(os.environ) | {
        "ATELIER_DATA": str(places.data),
        "ATELIER_PORT": str(places.port),
        "ATELIER_GATEWAY_PORT": str(places.gateway_port),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(places.root),
        "MALLOC_ARENA_MAX": "2",  # threads would each grow an arena of their own
        "LC_ALL": "C.UTF-8",
        "CELERY_SKIP_CHECKS": "1",  # they would load every page into the worker
    }
    if not child.drop:
        # Only root's own processes say it by a file: the service user may write nothing there.
        env["ATELIER_READY_FILE"] = str(ready_file(places, child.name))
    if child.fds:
        env["ATELIER_LISTEN_FDS"] = ",".join(map(str, child.fds))
    # Without bytecode they start four times as slowly, and the service user may not write into
    # the checkout. Each writes only what it will itself run.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = str(places.bytecode(dropped=child.drop))
    if not child.drop and places.person.dropped:
        env["C_FORCE_ROOT"] = "1"  # the worker starts desktops under users of their own
    return env


def ready_file(places: Places, name: str) -> Path:
    return places.data / "ready" / name


def ready(places: Places, name: str) -> bool:
    return ready_file(places, name).exists()


def answers_http(port: int, path: str = "/") -> bool:
    """Whether something speaks HTTP there; a refusal will do, an error of its own will not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
