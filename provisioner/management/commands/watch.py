"""Hears the world change and writes it down at once, instead of waiting for the clock.

Any number of these may run; one leads. The lead is a PostgreSQL advisory lock held by the very
connection that writes, so a leader whose session ended can write nothing more and must stand for
election again. (Two leaders would do no harm: an older look never overwrites a newer one.)
"""

from __future__ import annotations

import logging
import os
import random
import socket
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from provisioner import drivers, listening, observer, reconciler
from provisioner.drivers.base import Driver, News
from provisioner.errors import DriverUnavailable
from provisioner.fleet import census

log = logging.getLogger(__name__)

BACKOFF_S = (0.2, 10.0)
LEADER = 0x41544C45  # the advisory lock's key
STANDBY_S = 1.0
OLD_S = 120.0  # knowledge of that age is not to be relied on


class Command(BaseCommand):
    help = "Listens to the driver and writes down what changed, at once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--age",
            action="store_true",
            help="Listen to nothing; print the seconds since which something can have been missed "
            f"(exit status 1 where these are more than {OLD_S:g}, or nobody ever listened).",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["age"]:
            age_s = listening.age_s()
            self.stdout.write("nobody listens" if age_s is None else f"{age_s:.1f}")
            raise SystemExit(age_s is None or age_s > OLD_S)
        driver = drivers.chosen()
        pause_s = BACKOFF_S[0]
        while True:
            begun_s = time.monotonic()
            try:
                self._stand_for_election()
                self._lead(driver)
            except (DriverUnavailable, DatabaseError, InterfaceError) as error:
                # The clock's survey is the safety net; here we only try again, never give up.
                log.warning("watch.interrupted error=%s", str(error).strip())
                connection.close()  # and with it the lead
                if time.monotonic() - begun_s > BACKOFF_S[1]:
                    pause_s = BACKOFF_S[0]
                time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause_s = min(pause_s * 2, BACKOFF_S[1])

    def _stand_for_election(self) -> None:
        """Wait until nobody else leads."""
        waited = False
        while not self._elected():
            if not waited:
                log.info("watch.standby")
                _say_ready()  # standing by is what this one is there for
            waited = True
            time.sleep(STANDBY_S * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
        log.info("watch.leads")
        listening.note(leader=f"{socket.gethostname()}:{os.getpid()}")

    def _elected(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (LEADER,))
            row = cursor.fetchone()
        return bool(row and row[0])

    def _lead(self, driver: Driver) -> None:
        if not driver.hears_everything:
            reconciler.survey(driver)
        while True:
            ears = driver.changes()
            try:
                _say_ready()
                for news in ears:
                    self._take_in(driver, news)
            finally:
                # Not left to the collector: its threads end here.
                if hasattr(ears, "close"):
                    ears.close()
            if not driver.hears_everything:
                reconciler.survey(driver)

    def _take_in(self, driver: Driver, news: News) -> None:
        if news.world is not None:
            reconciler.settle(driver, observer.take_in(news.world), may_act=False)
        if news.seen:
            reconciler.attend(observer.take_down(news.seen))
        if news.machines is not None:
            census.record(news.machines)
            reconciler.wake_waiters()
        for desktop_id in news.moved:
            reconciler.glance(driver, desktop_id)
        if news.unclear:
            reconciler.survey(driver)
        if news.heard_at is not None and self._told_long_ago():
            listening.note(heard_at=news.heard_at)

    _told_s = 0.0

    def _told_long_ago(self) -> bool:
        """How fresh we are is written down every few seconds, not with every batch."""
        now_s = time.monotonic()
        if now_s - self._told_s < 4.0:
            return False
        self._told_s = now_s
        return True


def _say_ready() -> None:
    """Whoever started us waits for this."""
    if place := os.environ.get("ATELIER_READY_FILE"):
        Path(place).touch()
