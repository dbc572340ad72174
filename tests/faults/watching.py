"""`manage.py watch` as a process, on the test's own database and cluster."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from django.db import connection

from provisioner.management.commands.watch import LEADER
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.running import ROOT, eventually


class WatchProcess:
    """Runs from `with` on, and ends whatever happens."""

    def __init__(
        self, world: KubernetesWorld, kubeconfig: Path, *, inside: Sequence[str] = ()
    ) -> None:
        """`inside`: words in front of the command, such as nsenter's."""
        self._world, self._kubeconfig, self._inside = world, kubeconfig, inside
        self._folder = tempfile.TemporaryDirectory(prefix="atelier-watch-")
        self.log = Path(self._folder.name) / "watch.log"
        self._ready = Path(self._folder.name) / "ready"

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_DIES_WITH_US, *self._inside, sys.executable, "manage.py", "watch"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(lambda: self._ready.exists() or self._dead(), what="a watch that listens")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self._folder.cleanup()

    @property
    def name(self) -> str:
        """As the leader is called in the database."""
        return f"{socket.gethostname()}:{self.process.pid}"

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _dead(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return False

    def _environment(self) -> dict[str, str]:
        site, where = self._world.site, connection.settings_dict
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": f"postgresql://{where['USER']}@/{where['NAME']}?host={where['HOST']}",
            "ATELIER_DRIVER": "kubernetes",
            "ATELIER_KUBECONFIG": str(self._kubeconfig),
            "ATELIER_KUBE_PREFIX": site.prefix,
            "ATELIER_KUBE_WORKER_ACCOUNT": "/".join(site.worker_account),
            "ATELIER_KUBE_GATEWAY_NAMESPACE": site.gateway_namespace,
            "ATELIER_READY_FILE": str(self._ready),
            "PYTHONPATH": str(ROOT),
        }


_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def leading_sessions() -> list[int]:
    """PostgreSQL's number of each session that holds the lead: one, or none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            " AND objid = %s AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database())",
            [LEADER],
        )
        return [pid for (pid,) in cursor.fetchall()]


def end_session(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
