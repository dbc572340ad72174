"""These tests run in a world of their own (world.py), and are reported as if they ran here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from images import build as desktop_image
from tests.cluster import build
from tests.cluster.node import world
from tests.cluster.node.passing import Elsewhere
from tests.cluster.node.scene import IMAGE, REGISTRY, node, platform, scene

__all__ = ["node", "platform", "scene"]

HERE = Path(__file__).parent
_elsewhere = pytest.StashKey[Elsewhere]()


def _ours(session: pytest.Session) -> Iterator[pytest.Item]:
    return (item for item in session.items if HERE in item.path.parents)


def _further(session: pytest.Session) -> list[Path]:
    """Images of the setups that some of these tests are marked to need."""
    wanted = {mark.args[0] for one in _ours(session) for mark in one.iter_markers("image")}
    return [
        desktop_image.archive(setup, name=desktop_image.name_of(setup, REGISTRY))
        for setup in sorted(wanted)
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    if world.inside():
        return
    ours = [item for item in items if HERE in item.path.parents]
    reason = world.why_not() if ours else ""
    for item in ours:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        # Time is kept in there, where it is known what takes long.
        item.add_marker(pytest.mark.timeout(0), append=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    if HERE not in item.path.parents:
        return None  # this is asked for every test of the run, wherever it lies
    stash = item.session.stash
    if not world.inside() and _elsewhere not in stash and not item.get_closest_marker("skip"):
        try:
            build.build()
            archives = [desktop_image.archive("blank", name=IMAGE), *_further(item.session)]
        except (build.Unavailable, desktop_image.Unavailable) as error:
            for one in _ours(item.session):
                one.add_marker(pytest.mark.skip(reason=str(error)))
        else:
            tests = [one.nodeid for one in _ours(item.session)]
            stash[_elsewhere] = Elsewhere(item.config, tests, archives)
    if world.inside() or item.get_closest_marker("skip"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in stash[_elsewhere].reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _elsewhere in session.stash:
        session.stash[_elsewhere].end()
