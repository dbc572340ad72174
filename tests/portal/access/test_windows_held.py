"""One window at a time has a desktop's stream: what the gateway ends, keeps out and tells."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from portal.access.gateway import live
from tests.portal.access.test_bar import FRAMED, OPENED
from tests.portal.access.test_sockets import _talk, echo, until_closed
from tests.portal.access.world import World, digest


def cookie(session: str) -> str:
    return f"__Host-desk={session}"


def opens(world: World, session: str) -> str:
    """A window is opened by that session; its name, as its page has it."""
    reply = world.ask(more=OPENED, cookie=cookie(session))
    assert reply.status == 200
    return str(json.loads(reply.text.split('id="state">')[1].split("</script>")[0])["window"])


def elsewhere(world: World, session: str, window: str) -> Any:
    reply = world.ask("GET", f"/__gw/state?window={window}", cookie=cookie(session))
    assert reply.status == 200
    told = json.loads(reply.body)
    assert "holder" not in told, "no window is told another one's name"
    return told["elsewhere"]


def streams(world: World) -> list[live.Held]:
    return [one for mine in world.gateway.live.open.values() for one in mine if one.stream]


def test_a_second_window_ends_the_stream_of_the_first(world: World) -> None:
    world.let_in("phone", world.desk, who="Alice")
    first = opens(world, "phone")
    assert elsewhere(world, "phone", first) is None

    async def loses(ws: aiohttp.ClientWebSocketResponse) -> int | None:
        await echo(ws)
        world.let_in("computer", world.desk, who="Bob")
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, opens, world, "computer")
        opening.add_done_callback(lambda _opened: left.extend(streams(world)))
        code = (await until_closed(ws))[0]
        await opening
        return code

    left: list[live.Held] = []
    code = world.background.run(_talk(world, loses, cookie=cookie("phone")))
    assert not left, "none by the time the next one has its page"
    assert code == live.SUPERSEDED == 4409
    assert elsewhere(world, "phone", first) == {"who": "Bob"}
    # It is kept out of the stream, and of nothing else, until it opens a window again.
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        world.background.run(_talk(world, echo, cookie=cookie("phone")))
    assert error.value.status == 423
    assert world.ask("GET", "/api/files/", cookie=cookie("phone")).status == 200
    world.background.run(_talk(world, echo, cookie=cookie("computer")))
    again = opens(world, "phone")
    assert elsewhere(world, "phone", again) is None
    world.background.run(_talk(world, echo, cookie=cookie("phone")))
    # The window from before stays covered: that it is of the same browser changes nothing.
    assert elsewhere(world, "phone", first) == {"who": ""}


def test_another_gateways_window_ends_it_as_well(world: World) -> None:
    """All that this one hears of it is what the portal says of those that it has open."""
    opens(world, world.session)

    async def loses(ws: aiohttp.ClientWebSocketResponse) -> int | None:
        await echo(ws)
        world.let_in("other", world.desk)
        world.portal.holders[world.desk] = digest("other"), "0" * 32
        world.portal.admitted.clear()
        with world.gateway.live.held(world.session) as download:
            code = (await until_closed(ws))[0]
            assert not download.ended.done(), "it loses the stream and nothing else"
        return code

    assert world.background.run(_talk(world, loses)) == live.SUPERSEDED
    with pytest.raises(aiohttp.WSServerHandshakeError):
        world.background.run(_talk(world, echo))


def test_a_download_goes_on_and_so_does_an_app(world: World) -> None:
    world.let_in("app", world.app)

    async def stays(ws: aiohttp.ClientWebSocketResponse) -> str:
        with world.gateway.live.held(world.session) as download:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, opens, world, world.session)
            await world.gateway.live.look()
            assert not download.ended.done()
        return await echo(ws)

    assert world.background.run(_talk(world, stays, cookie=cookie("app"), desk=world.app))


def test_only_a_window_that_somebody_looks_at_takes_the_stream(world: World) -> None:
    first = opens(world, world.session)
    for more in (
        [*OPENED, ("Sec-Purpose", "prefetch;prerender")],
        [*OPENED, ("Purpose", "prefetch")],
    ):
        assert world.ask(more=more).status == 503
    assert world.ask("HEAD", more=OPENED).status == 503
    assert world.ask("GET", "/?stream", more=FRAMED).status == 200
    assert elsewhere(world, world.session, first) is None
    assert opens(world, world.session) != first


def test_a_page_of_an_earlier_version_is_told_of_no_window(world: World) -> None:
    opens(world, world.session)
    told = json.loads(world.ask("GET", "/__gw/state").body)
    assert told["elsewhere"] is None and "holder" not in told
    for odd in ("?window=", "?window=0", "?window=" + "0" * 33, "?", "?window=" + "G" * 32):
        assert world.ask("GET", f"/__gw/state{odd}").status == 404
    # Every name that is not the holder's hears the same.
    assert elsewhere(world, world.session, "0" * 32) == {"who": ""}


def test_a_desktop_that_comes_back_is_waited_for_in_its_page(world: World) -> None:
    world.portal.state |= {"status": "starting", "open": False, "returns": True}
    assert world.ask(more=OPENED).status == 200
    world.portal.state |= {"returns": False}
    assert world.ask(more=OPENED).status == 303
