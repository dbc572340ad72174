"""The portal as an installation runs it: settings from variables alone, behind an ingress."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, eventually, free_port

VARIABLES = {
    "ATELIER_MODE": "production",
    "ATELIER_SECRET_KEY": "".join(map(chr, range(48, 122))),
    "ATELIER_GATEWAY_KEY": "0123456789abcdef0123456789abcdef",
    "ATELIER_PORTAL_ORIGIN": "https://desks.example.org",
    "ATELIER_DESK_ORIGIN": "https://d-{id}.content.example.net",
    "ATELIER_SMTP_URL": "smtp://user:password@mail.example.org:587",
    "ATELIER_DRIVER": "memory",
    "DATABASE_URL": "postgresql://user:password@db.example.org/atelier?sslmode=verify-full",
    "BROKER_URL": "redis://valkey.example.org:6379/0",
}


def environment(data: Path, **over: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATELIER_", "DJANGO_"))}
    return kept | VARIABLES | {"ATELIER_DATA": str(data), "PYTHONPATH": str(ROOT)} | over


def manage(data: Path, *words: str, **over: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment(data, **over),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_nothing_is_left_to_say_about_its_safety(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_what_the_database_url_asks_for_is_passed_on_or_refused(tmp_path: Path) -> None:
    show = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    done = manage(tmp_path, "shell", "--no-imports", "-c", show)
    assert "'sslmode': 'verify-full'" in done.stdout, done.stderr
    url = VARIABLES["DATABASE_URL"].replace("sslmode", "ssl_mode")
    done = manage(tmp_path, "check", DATABASE_URL=url)
    assert done.returncode == 2
    assert done.stderr.strip() == "settings: DATABASE_URL asks for unknown ssl_mode"


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", ATELIER_GATEWAY_KEY="")
    assert done.returncode == 2
    assert "production needs ATELIER_GATEWAY_KEY" in done.stderr


@pytest.fixture
def web(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.supervisor.web"],
        cwd=ROOT,
        env=environment(tmp_path, ATELIER_PORT=str(port), ATELIER_LISTEN="127.0.0.2"),
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def test_it_says_that_it_is_well_to_who_knows_its_name(web: int) -> None:
    """As the probes of its pod ask: by number, with the portal's name."""
    assert eventually(lambda: status(web, "desks.example.org"), what="it answers") == 200
    assert status(web, "elsewhere.example.org") >= 400  # its page needs collected files


def status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.2", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
