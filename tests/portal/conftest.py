"""A web process and a browser, started once for all tests of pages that want them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests import browsing
from tests.portal.serving import Server, serving


@pytest.fixture(scope="session")
def _served(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: object
) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("web")
    with serving(folder) as server:
        yield server


@pytest.fixture
def server(transactional_db: None, _served: Server) -> Server:
    """The portal's web process on the tests' database, which is emptied after each test."""
    return _served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Playwright keeps an event loop in this thread, where Django would refuse to ask anything."""
    with pytest.MonkeyPatch.context() as patch, browsing.chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        yield browser


@pytest.fixture
def window(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    """A browser profile of a visitor's own, on that portal."""
    context = browsing.person(chromium, base_url=server.url)
    yield context
    context.close()
