"""The portal's own web process on the tests' database: real headers and cookies for a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client, override_settings
from playwright.sync_api import BrowserContext

from portal.accounts.models import User
from portal.supervisor.children import answers_http
from tests.running import ROOT, eventually, free_port

_PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]  # what the portal reads


class Server:
    """One web process, as the supervisor starts it. Nothing but the tests moves desktops."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def let_in(self, context: BrowserContext, user: User) -> None:
        """This browser is signed in as that person from now on."""
        context.add_cookies([self.session_of(user)])  # type: ignore[list-item]

    def session_of(self, user: User) -> dict[str, object]:
        """The cookie of a log-in of theirs."""
        client = Client()
        client.force_login(user)
        session = {"name": f"__Host-atelier{self.port}", "value": client.session.session_key}
        where = {"domain": "localhost", "path": "/", "secure": True, "httpOnly": True}
        return session | where | {"sameSite": "Lax"}

    @staticmethod
    def give_password(user: User) -> str:
        """A password that the form takes; the tests' own hasher is none of the portal's."""
        password = "paint-by-evening-light"
        with override_settings(PASSWORD_HASHERS=_PASSWORD_HASHERS):
            user.password = make_password(password)
        user.save(update_fields=["password"])
        return password


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The web process, until the block ends. The test database must exist already."""
    port, database = free_port(), connection.settings_dict
    where = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    env = dict(os.environ) | {
        "ATELIER_PORT": str(port),
        "DATABASE_URL": where,
        "BROKER_URL": settings.CACHES["default"]["LOCATION"].replace("unix://", "redis+socket://"),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.supervisor.web"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        eventually(
            lambda: answers_http(port, "/healthz") or process.poll() is not None,
            seconds=60,
            what="the web process",
        )
        assert process.poll() is None, log.read_text()
        yield Server(port)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
