"""The live streams, over real sessions and real PostgreSQL notifications."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import Membership, Tenant, User
from portal.desktops import events
from provisioner import desktops
from provisioner.desktops import Desktop
from provisioner.states import Observed
from tests.portal.desktops.conftest import Make, see

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]

LIST = "/desktops/events/"
DEADLINE_S = 15


class Page:
    """What a browser's EventSource would hear."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._text = ""

    async def block(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            while "\n\n" not in self._text:
                self._text += (await anext(self._chunks)).decode()
        block, self._text = self._text.split("\n\n", 1)
        return block

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event; comments and `retry` are not events."""
        while True:
            fields = dict(
                line.split(": ", 1) for line in (await self.block()).split("\n") if line[0] != ":"
            )
            if "event" in fields:
                return fields["event"], json.loads(fields["data"])

    async def html(self, part: str) -> str:
        """The next rendering of that part."""
        while True:
            name, data = await self.event()
            assert name == "parts", name
            if part in data["parts"]:
                html: str = data["parts"][part]["html"]
                return html


@asynccontextmanager
async def opened(user: User, url: str) -> AsyncIterator[Page]:
    client = AsyncClient()
    await client.aforce_login(user)
    async with reading(client, url) as page:
        yield page


@asynccontextmanager
async def reading(client: AsyncClient, url: str, *, language: str = "en") -> AsyncIterator[Page]:
    response = await client.get(url, headers={"Accept-Language": language})
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert response["X-Accel-Buffering"] == "no"
    assert "no-store" in response["Cache-Control"]
    chunks = response.streaming_content
    try:
        yield Page(chunks)
    finally:
        await chunks.aclose()
        await sync_to_async(connections.close_all)()


def url(desktop: Desktop) -> str:
    return reverse("desktops:events", args=[desktop.id])


def run(story: Callable[[], Any]) -> Any:
    return asyncio.run(story())


async def do(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await sync_to_async(work)(*args, **kwargs)


def test_the_page_says_running_without_being_asked_again(make: Make, alice: User) -> None:
    desktop = make(alice.personal_tenant, "starting")

    async def story() -> tuple[str, str]:
        async with opened(alice, url(desktop)) as page:
            assert (await page.block()).startswith("retry: ")
            first = await page.html("state")
            await do(see, desktop, Observed.READY)
            return first, await page.html("state")

    first, second = run(story)
    assert "Starting" in first
    assert "Running" in second


def test_it_sends_only_what_changed(make: Make, alice: User) -> None:
    desktop = make(alice.personal_tenant, "running")

    async def story() -> tuple[set[str], dict[str, Any]]:
        async with opened(alice, url(desktop)) as page:
            _name, first = await page.event()
            await do(rename, desktop, "Ink studies")
            _name, second = await page.event()
            return set(first["parts"]), second

    first, second = run(story)
    assert first == {"name", "state", "verbs", "version", "main", "cost", "facts", "events"}
    assert set(second["parts"]) == {"name"}
    assert second["title"].startswith("Ink studies")


@transaction.atomic
def rename(desktop: Desktop, name: str) -> None:
    desktops.rename(desktop.id, name=name)


def test_it_speaks_the_readers_language_and_each_page_has_its_own_token(
    make: Make, alice: User
) -> None:
    desktop = make(alice.personal_tenant, "running")

    async def story() -> tuple[str, str]:
        client = AsyncClient()
        await client.aforce_login(alice)
        async with reading(client, url(desktop), language="zh-hans") as page:
            _name, data = await page.event()
            return data["parts"]["state"]["html"], data["parts"]["verbs"]["html"]

    state, verbs = run(story)
    assert "运行中" in state
    assert 'name="csrfmiddlewaretoken" value="' in verbs
    assert "csrf-" not in verbs


def test_the_list_hears_of_its_own_desktops_only(make: Make, alice: User, charlie: User) -> None:
    mine = make(alice.personal_tenant, "starting")
    theirs = make(charlie.personal_tenant, "starting")

    async def story() -> list[dict[str, Any]]:
        async with opened(alice, LIST) as page:
            _name, first = await page.event()
            await do(see, theirs, Observed.READY)
            await do(see, mine, Observed.READY)
            _name, second = await page.event()
            return [first["parts"], second["parts"]]

    first, second = run(story)
    assert set(first) == {f"row-{mine.id}", "summary"}
    assert "Running" in second[f"row-{mine.id}"]["html"]
    assert str(theirs.id) not in json.dumps([first, second])


def test_the_list_hears_of_new_rows_and_of_rows_that_are_gone(make: Make, alice: User) -> None:
    desktop = make(alice.personal_tenant, "stopped")

    async def story() -> tuple[dict[str, Any], str, dict[str, Any]]:
        async with opened(alice, LIST) as page:
            await page.event()
            fresh = await do(make, alice.personal_tenant, "starting", name="Ink studies")
            parts: dict[str, Any] = {}
            while f"row-{fresh.id}" not in parts:
                _name, data = await page.event()
                parts |= data["parts"]
            await do(erase, desktop)
            name = ""
            while name != "removed":
                name, data = await page.event()
            return parts, name, data

    parts, _name, gone = run(story)
    assert any("Ink studies" in part["html"] for part in parts.values())
    assert gone["id"] == f"row-{desktop.id}"


@transaction.atomic
def erase(desktop: Desktop) -> None:
    desktops.delete(desktop.id)
    Desktop.objects.filter(id=desktop.id).update(erased_at=timezone.now())


def test_it_says_gone_when_the_desktop_is_erased(make: Make, alice: User) -> None:
    desktop = make(alice.personal_tenant, "stopped")

    async def story() -> str:
        async with opened(alice, url(desktop)) as page:
            await page.event()
            await do(erase, desktop)
            name = ""
            while name in ("", "parts"):
                name, _data = await page.event()
            return name

    assert run(story) == "gone"


@pytest.mark.parametrize("ending", ["session", "membership", "person"])
def test_it_ends_with_the_session_the_membership_or_the_person(
    make: Make, alice: User, bob: User, team: Tenant, ending: str
) -> None:
    desktop = make(team, "running")

    def end(client: AsyncClient) -> None:
        if ending == "session":
            client.session.flush()
        elif ending == "membership":
            Membership.objects.filter(user=bob, tenant=team).delete()
        else:
            User.objects.filter(id=bob.id).update(is_active=False)

    async def story() -> str:
        client = AsyncClient()
        await client.aforce_login(bob)
        await do(choose, client, team)
        async with reading(client, url(desktop)) as page:
            await page.event()
            await do(end, client)
            await do(see, desktop, Observed.FAILED)
            name, _data = await page.event()
            with pytest.raises(StopAsyncIteration):
                await page.block()
            return name

    assert run(story) == "bye"


def test_it_looks_the_session_up_even_when_nothing_happens(
    make: Make, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    desktop = make(alice.personal_tenant, "running")

    async def story() -> tuple[str, str]:
        client = AsyncClient()
        await client.aforce_login(alice)
        async with reading(client, url(desktop)) as page:
            await page.event()
            beat = await page.block()
            await do(client.session.flush)
            name, _data = await page.event()
            return beat, name

    assert run(story) == (": still here", "bye")


def choose(client: AsyncClient, tenant: Tenant) -> None:
    session = client.session
    session["tenant"] = str(tenant.id)
    session.save()


def test_strangers_and_visitors_get_404_not_a_stream(
    make: Make, alice: User, charlie: User, client: Client
) -> None:
    desktop = make(alice.personal_tenant, "running")
    assert client.get(url(desktop)).status_code == 404
    assert client.get(LIST).status_code == 404
    client.force_login(charlie)
    assert client.get(url(desktop)).status_code == 404
    assert client.get(reverse("desktops:events", args=[uuid4()])).status_code == 404
