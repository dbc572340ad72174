"""Running desktops by the provisioner's own pens, people logged in, and a gateway to ask."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from portal.accounts.models import Tenant
from provisioner import desktops, nudge, observer
from provisioner.desktops import Desktop, Spec
from provisioner.drivers.base import Observation
from provisioner.states import Observed
from tests import browsing
from tests.portal.access.window import Open, windows
from tests.portal.access.world import World

SPEC = Spec(
    plan="aigc-a4000",
    plan_title="AIGC A4000",
    setup="blank",
    setup_title_en="Blank",
    setup_title_zh="空白",
    setup_version="1",
    image="",
    cpu_millis=16000,
    memory_mib=32768,
    disk_gib=300,
    apps=({"name": "webui", "port": 7860, "title": "WebUI"},),
)


@pytest.fixture(autouse=True)
def every_nudge_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nudge, "send", lambda _ids: None)


Running = Callable[..., Desktop]


def see(desktop: Desktop, observed: Observed, *, endpoint: str = "unix:/nowhere") -> None:
    """The eye sees this, now."""
    ready, absent = observed == Observed.READY, observed == Observed.ABSENT
    observer.record(
        Observation(
            id=desktop.id,
            observed=observed,
            at=timezone.now(),
            generation=None if absent else desktop.generation,
            endpoint=endpoint if ready else "",
            app_endpoints={"webui": endpoint + ".webui"} if ready else {},
        )
    )


@pytest.fixture
def running(db: None) -> Running:
    """`running(tenant)`: a desktop of theirs that is up."""

    def make(tenant: Tenant, name: str = "Rain", endpoint: str = "unix:/nowhere") -> Desktop:
        with transaction.atomic():
            desktop = desktops.launch(tenant_id=tenant.id, name=name, spec=SPEC)
        see(desktop, Observed.READY, endpoint=endpoint)
        desktop.refresh_from_db()
        assert desktop.status == "running"
        return desktop

    return make


@pytest.fixture
def logged_in() -> Callable[[AbstractBaseUser], Client]:
    """A browser's jar after the log-in of this person, on the portal's own name."""

    def enter(user: AbstractBaseUser) -> Client:
        client = Client(headers={"host": "localhost:8000"}, enforce_csrf_checks=False)
        client.force_login(get_user_model().objects.get(pk=user.pk))
        return client

    return enter


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        world = World(Path(folder)).up()
        try:
            yield world
        finally:
            world.down()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def open_bar(browser: Browser, world: World) -> Iterator[Open]:
    """`open_bar(width=…)`: a window on the desktop; whatever it complains of fails the test."""
    with windows(browser, world) as open:
        yield open
