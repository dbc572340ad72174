"""The servers, and the cast: alice owns a team, bob is its member, charlie is a stranger to both,
olga is staff. Everyone has a personal tenant as well."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.cluster.fixtures import cluster, control_plane

if TYPE_CHECKING:
    from portal.accounts.models import Tenant, User
    from portal.accounts.permissions import Actor
    from tests.running import Platform


__all__ = ["cluster", "control_plane"]  # one test cluster a run, whoever asks for it


def pytest_sessionstart(session: pytest.Session) -> None:
    worker = hasattr(session.config, "workerinput")
    if not worker and not session.config.option.collectonly:
        servers.start()


def pytest_collection_finish(session: pytest.Session) -> None:
    """What a test cluster is made of is built before the first test's clock runs."""
    wanted = any(item.get_closest_marker("cluster") for item in session.items)
    if wanted and not session.config.option.collectonly:
        from tests.cluster import build

        with contextlib.suppress(build.Unavailable, build.BuildFailed):  # the fixture tells
            build.build()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.stop()


def _person(name: str, **extra: object) -> User:
    from allauth.account.models import EmailAddress

    from portal.accounts.models import User
    from portal.accounts.tenants import ensure_personal

    email = f"{name}@example.org"
    user = User.objects.create_user(email, f"password of {name}", name=name.title(), **extra)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    ensure_personal(user)
    return user


@pytest.fixture
def alice(db: None) -> User:
    """Owner of the team."""
    return _person("alice")


@pytest.fixture
def bob(db: None, team: Tenant) -> User:
    """Member of alice's team."""
    from portal.accounts.models import Membership, Role

    bob = _person("bob")
    Membership.objects.create(user=bob, tenant=team, role=Role.MEMBER)
    return bob


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger, who must see nothing of the others."""
    return _person("charlie")


@pytest.fixture
def olga(db: None) -> User:
    """Staff."""
    return _person("olga", is_staff=True, is_superuser=True)


@pytest.fixture
def team(alice: User) -> Tenant:
    """Alice's team; bob joins it when a test asks for him."""
    from portal.accounts.models import Membership, Role, Tenant

    team = Tenant.objects.create(name="Alice's team")
    Membership.objects.create(user=alice, tenant=team, role=Role.OWNER)
    return team


@pytest.fixture
def acting() -> Callable[..., Actor]:
    """`acting(bob, team)`: bob at work in the team; without a tenant, in his own."""
    from portal.accounts.models import Membership
    from portal.accounts.permissions import Actor

    def act(user: User, tenant: Tenant | None = None, *, via: str = "web") -> Actor:
        tenant = tenant or user.personal_tenant
        role = Membership.objects.get(user=user, tenant=tenant).role
        return Actor(user=user, tenant=tenant, role=role, via=via)

    return act


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """The whole platform, as processes, on ports and a data folder of its own."""
    from tests.running import Platform

    running = Platform()
    try:
        running.up()
        yield running
    finally:
        running.end()
