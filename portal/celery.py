"""The queue: Celery over Valkey/Redis. Messages may be lost or doubled; rows are the truth.

Imported by `portal.apps` (so that every Django process can send) and by the worker
(`celery -A portal.celery worker --pool threads --clock`).
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import click
from celery import Celery, bootsteps
from celery.beat import EmbeddedService
from celery.signals import task_prerun, worker_ready
from django.conf import settings
from django.db import close_old_connections, connections

from portal.clock import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("atelier")
app.conf.update(
    broker_url=settings.ATELIER.broker_url,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # it comes back; so do we
    # How soon a message that a killed worker held is delivered again. Kombu's own rhythm is
    # about 100 seconds however short the visibility timeout is.
    broker_transport_options={
        "visibility_timeout": 120,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "unacked_restore_limit": 1000,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "retry_on_timeout": True,
    },
    # Whoever sends never waits long for a broker that is away: the sweep finds the row anyway.
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    },
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="atelier",
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=3,
    worker_enable_remote_control=False,  # nobody asks, and each asker is a connection that polls
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule=SCHEDULE,
    beat_schedule_filename=str(settings.ATELIER.data / "clock"),
)
# Celery would close the thread's database connection before and after every task, and PostgreSQL
# start a process for each: half of what a launch costs it. `_let_go` does what is needed instead.
app.conf["CELERY_DB_REUSE_MAX"] = 2**31
app.set_default()
app.autodiscover_tasks(["provisioner", "portal.access"])


class Clock(bootsteps.StartStopStep):
    """Beat as a thread of the worker: 40 MiB less than `-B`, and it cannot outlive its worker."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, clock: bool = False, **options: Any) -> None:
        super().__init__(worker, **options)
        self.enabled = clock
        self.beat: Any = None

    def include_if(self, _worker: Any) -> bool:
        return bool(self.enabled)

    def create(self, worker: Any) -> Any:
        filename = worker.app.conf.beat_schedule_filename
        self.beat = EmbeddedService(worker.app, thread=True, schedule_filename=filename)
        return self.beat


app.steps["worker"].add(Clock)
app.user_options["worker"].add(
    click.Option(["--clock"], is_flag=True, help="Run the clock (beat) in this worker.")
)


@task_prerun.connect
def _let_go(**_: Any) -> None:
    """Of connections that failed or are older than CONN_MAX_AGE."""
    close_old_connections()


@worker_ready.connect
def _catch_up(**_: Any) -> None:
    """What a worker that died held is taken up at once: not at the clock's next sweep, and not
    behind all messages that came meanwhile."""
    threading.Thread(target=_sweep, name="catch-up", daemon=True).start()


def _sweep() -> None:
    try:
        app.tasks["provisioner.tasks.sweep"]()
    finally:
        connections.close_all()


@worker_ready.connect
def _tell(**_: Any) -> None:
    """Where the supervisor waits for it, say that messages are being heard."""
    if place := os.environ.get("ATELIER_READY_FILE"):
        Path(place).touch()
