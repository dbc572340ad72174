"""Hears the world change and looks at once, instead of waiting for the clock."""

from __future__ import annotations

import logging
import os
import random
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections

from provisioner import drivers, observer, reconciler
from provisioner.drivers.base import Driver, News
from provisioner.errors import DriverUnavailable

log = logging.getLogger(__name__)

BACKOFF_S = (0.2, 10.0)


class Command(BaseCommand):
    help = "Listens to the driver and writes down what changed, at once."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        driver = drivers.chosen()
        pause_s = BACKOFF_S[0]
        while True:
            try:
                reconciler.survey(driver)
                pause_s = BACKOFF_S[0]
                self._listen(driver)
            except (DriverUnavailable, OperationalError) as error:
                # The clock's survey is the safety net; here we only try again, never give up.
                log.warning("watch.interrupted error=%s", error)
                time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause_s = min(pause_s * 2, BACKOFF_S[1])
                close_old_connections()

    def _listen(self, driver: Driver) -> None:
        ready = os.environ.get("ATELIER_READY_FILE")
        if ready:  # whoever started us waits for this
            Path(ready).touch()
        for news in driver.changes():
            close_old_connections()
            self._take_in(driver, news)

    def _take_in(self, driver: Driver, news: News) -> None:
        if news.world is not None:
            reconciler.settle(driver, observer.take_in(news.world))
        if news.seen:
            reconciler.wake(observer.record_all(news.seen))
        if news.machines is not None:
            observer.record_machines(news.machines)
        for desktop_id in news.moved:
            reconciler.glance(driver, desktop_id)
        if news.unclear:
            reconciler.survey(driver)
