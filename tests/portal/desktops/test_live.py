"""The hub: hears PostgreSQL, wakes pages, shares renderings. Real NOTIFY, no doubles."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from django.db import connection

from portal.desktops import live
from portal.desktops.live import hub

pytestmark = pytest.mark.django_db(transaction=True)


def notify(payload: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify('desktop', %s)", [str(payload)])


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("select pid from pg_stat_activity where application_name = 'atelier-live'")
        return [pid for (pid,) in cursor.fetchall()]


def test_it_wakes_every_open_page_over_one_connection() -> None:
    id = uuid4()

    async def pages() -> tuple[list[set[UUID | None]], int]:
        board = hub()
        async with board.subscription() as one, board.subscription() as two:
            connections = await board.ask(listeners)
            await board.ask(lambda: notify(id))
            heard = await asyncio.gather(one.changed(within_s=10), two.changed(within_s=10))
            return list(heard), len(connections)

    heard, connections = asyncio.run(pages())
    assert heard == [{id}, {id}]
    assert connections == 1


def test_it_makes_one_of_many_changes_that_come_while_a_page_is_busy() -> None:
    ids = [uuid4() for _change in range(5)]

    async def page() -> set[UUID | None]:
        board = hub()
        async with board.subscription() as busy:
            for id in ids:
                await board.ask(lambda id=id: notify(id))  # type: ignore[misc]
            heard: set[UUID | None] = set()
            async with asyncio.timeout(10):
                while heard != set(ids):
                    heard |= await busy.changed(within_s=10)
            return await busy.changed(within_s=0.01)

    assert asyncio.run(page()) == set()


def test_it_hears_again_after_its_connection_was_lost() -> None:
    id = uuid4()

    async def page() -> list[set[UUID | None]]:
        board = hub()
        async with board.subscription() as patient:
            (pid,) = await board.ask(listeners)
            await board.ask(lambda: kill(pid))
            first = await patient.changed(within_s=10)
            await board.ask(lambda: notify(id))
            return [first, await patient.changed(within_s=10)]

    # First: something may have been missed. Then: the change itself.
    assert asyncio.run(page()) == [{None}, {id}]


def kill(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s)", [pid])


def test_it_closes_its_connection_after_the_last_page() -> None:
    async def page() -> list[int]:
        board = hub()
        async with board.subscription():
            assert await board.ask(listeners)
        async with asyncio.timeout(10):
            while left := await board.ask(listeners):
                await asyncio.sleep(0.02)
        return left

    assert asyncio.run(page()) == []


def test_it_renders_once_for_equal_pages_and_again_after_a_change() -> None:
    id = uuid4()
    made: list[int] = []

    def render() -> int:
        made.append(len(made))
        return len(made)

    async def pages() -> list[int]:
        board = hub()
        async with board.subscription() as page:
            first = await asyncio.gather(
                *(board.shared(("row", id), id, render) for _page in range(5))
            )
            await board.ask(lambda: notify(id))
            await page.changed(within_s=10)
            return [*first, await board.shared(("row", id), id, render)]

    assert asyncio.run(pages()) == [1, 1, 1, 1, 1, 2]


def test_it_shows_nothing_that_was_rendered_before_it_was_deaf() -> None:
    """The last page goes, something changes that nobody hears, and the next page comes at once."""
    renderings: list[int] = []

    def render() -> int:
        renderings.append(1)
        return len(renderings)

    async def pages() -> tuple[int, int]:
        board, id = hub(), uuid4()
        async with board.subscription():
            before = await board.shared("detail", id, render)
        await board.ask(lambda: notify(id))
        async with board.subscription():
            return before, await board.shared("detail", id, render)

    assert asyncio.run(pages()) == (1, 2)


def test_it_holds_no_connection_once_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEPT_S", 0.2)

    def seen() -> int:
        try:
            return len(others())
        finally:
            connection.close()

    async def page() -> tuple[int, int]:
        board = hub()
        async with board.subscription():
            before = await asyncio.to_thread(seen)
            await asyncio.gather(*(board.ask(listeners) for _question in range(8)))
            async with asyncio.timeout(10):
                while (after := await asyncio.to_thread(seen)) > before:
                    await asyncio.sleep(0.05)
            return before, after

    before, after = asyncio.run(page())
    assert after <= before


def others() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity where datname = current_database() "
            "and application_name <> 'atelier-live'"
        )
        return [pid for (pid,) in cursor.fetchall()]
