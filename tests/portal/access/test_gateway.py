"""Who is let through, who is not, and what the desktop notices of the latter: nothing."""

from __future__ import annotations

import re
import uuid

import pytest
from aiohttp import web

from portal.access.hosts import Desk
from tests.portal.access.world import World, digest
from tests.running import eventually

PAGE = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]


@pytest.fixture(autouse=True)
def nothing_was_dialled(request: pytest.FixtureRequest, world: World) -> object:
    yield
    if "through" not in request.node.name:
        assert world.desktop.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "localhost:{port}",
        "127.0.0.1:{port}",
        "evil.example",
        "{label}.localhost:{port}.evil.example",
        "evil.example.{label}.localhost:{port}",
        "{label}.localhost",
        "{label}.localhost:1",
        "{label}.localhost:{port}.",
        "{label}.localhost.:{port}",
        "{upper}.localhost:{port}",
        "{label}x.localhost:{port}",
        "{label}--.localhost:{port}",
        "{label}--a--b.localhost:{port}",
        "{label}--" + "a" * 33 + ".localhost:{port}",
        "{label}.localhost:{port}@evil.example",
        "xn--{label}.localhost:{port}",
        "d-.localhost:{port}",
        "[::1]:{port}",
    ],
)
def test_other_names_are_not_ours(world: World, host: str) -> None:
    label = world.host().split(".")[0]
    name = host.format(label=label, upper=label.upper(), port=world.port)
    lines = f"GET / HTTP/1.1\r\nHost: {name}\r\nCookie: {world.cookie()}\r\n\r\n"
    assert re.match(rb"HTTP/1.1 (421|400) ", world.say(lines.encode()))


def test_people_without_a_session_are_shown_the_desktops_page(world: World) -> None:
    reply = world.ask(cookie="", more=PAGE)
    assert reply.status == 303
    page = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    assert reply.get("Location") == [page]
    # Nothing that the visitor says gets into it.
    reply = world.ask("GET", "//evil.example/?next=http://evil.example", cookie="", more=PAGE)
    assert reply.get("Location") == [page]
    assert not world.portal.asked, "who shows no cookie is not worth a question"


def test_programs_without_a_session_are_told_401(world: World) -> None:
    assert world.ask(cookie="").status == 401
    assert world.ask(cookie="", more=[("Sec-Fetch-Mode", "cors")]).status == 401
    assert world.ask(cookie="__Host-desk=unknown").status == 401
    twice = "__Host-desk=unknown; __Host-desk=s3ssion"
    assert world.ask(cookie=twice).status == 401, "two of them: whose is it"


def test_a_session_opens_no_other_desktop(world: World) -> None:
    other = Desk(uuid.uuid4())
    for desk in (other, world.app):
        assert world.ask(desk=desk).status == 404
        page = world.ask(desk=desk, more=PAGE)
        assert page.status == 404 and "<h1>" in page.text
        assert str(desk.id) not in page.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "heard",
    [
        [("Origin", "http://localhost:8000")],
        [("Origin", "null")],
        [("Origin", "{own}"), ("Sec-Fetch-Site", "same-site")],
        [("Origin", "{own}"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "none")],
        [("Origin", "{own}"), ("Origin", "{own}")],
    ],
)
def test_no_other_page_acts_here(world: World, method: str, heard: list[tuple[str, str]]) -> None:
    more = [(name, value.format(own=world.origin())) for name, value in heard]
    assert world.ask(method, body=b"", more=more).status == 403


def test_no_other_page_reads_here_with_our_cookie(world: World) -> None:
    """A page on another port of the same host: the browser sends the cookie along."""
    heard = [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")]
    assert world.ask(more=heard).status == 403


def test_its_own_page_acts_and_links_lead_in_through(world: World) -> None:
    own = [("Sec-Fetch-Site", "same-origin")]
    assert world.ask("POST", body=b"", more=[("Origin", "null"), *own]).status == 200
    assert world.ask("POST", body=b"", more=[("Origin", world.origin())]).status == 200
    link = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]
    assert world.ask(more=link).status == 200


# --- The way in ---------------------------------------------------------------------------------


def enter(world: World, ticket: str, **changed: object) -> object:
    heard = {
        "Origin": world.settings.portal_origin,
        "Content-Type": "application/x-www-form-urlencoded",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    more = [(name, str(value)) for name, value in heard.items() if value is not None]
    body = f"ticket={ticket}".encode()
    return world.ask("POST", "/__gw/enter", cookie="", body=body, more=more)


def a_ticket(world: World, desk: Desk | None = None) -> str:
    world.portal.tickets[digest("ticket")] = (desk or world.desk, "new-session")
    return "ticket"


def test_a_ticket_becomes_a_cookie_once(world: World) -> None:
    reply = enter(world, a_ticket(world))
    assert reply.status == 303 and reply.get("Location") == ["/"]
    (cookie,) = reply.get("Set-Cookie")
    name, *attributes = [part.strip() for part in cookie.split(";")]
    assert name == "__Host-desk=new-session"
    assert {one.lower() for one in attributes} == {"httponly", "path=/", "samesite=lax", "secure"}
    assert "no-store" in reply.get("Cache-Control")[0]
    # A browser's jar may hold one of the same name that a script made; it goes, before ours comes.
    twin, ours = enter(world, a_ticket(world), Sec_Fetch_Mode="navigate").get("Set-Cookie")
    assert "Partitioned" in twin and "Max-Age=0" in twin and ours == cookie
    again = enter(world, "ticket", Accept="text/html")
    assert again.status == 403 and not again.get("Set-Cookie")
    assert "ticket=" not in again.text and world.desk.id.hex not in again.text


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded; charset=utf-99"}, 400),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_only_the_portals_own_form_brings_a_ticket(
    world: World, changed: dict[str, object], status: int
) -> None:
    reply = enter(world, a_ticket(world), **changed)
    assert reply.status == status and not reply.get("Set-Cookie")
    assert not world.portal.asked, "and the ticket is not used up"


def test_only_one_form_enters(world: World) -> None:
    for path in ("/__gw", "/__gw/", "/__gw/enter/", "/__gw/enter?x", "/%5f%5fgw/enter", "/__gw/x"):
        assert world.ask("POST", path, body=b"").status == 404
    assert world.ask("GET", "/__gw/enter").status == 404
    assert enter(world, "a" * 5000).status == 413
    assert enter(world, a_ticket(world, world.app)).status == 403


# --- Fails closed -------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["500", "nonsense", "away", "hangs"])
def test_nobody_is_let_in_while_the_portal_cannot_be_asked(world: World, trouble: str) -> None:
    if trouble == "away":
        world.background.run(world.portal.stop())
    else:
        world.portal.trouble = trouble
    assert world.ask().status == 503
    page = world.ask(more=PAGE)
    assert page.status == 503 and "<h1>" in page.text and page.get("Refresh")
    assert enter(world, "ticket").status == 503


def test_a_wrong_key_lets_nobody_in(world: World) -> None:
    object.__setattr__(world.settings, "key", "another key")
    assert world.ask().status == 503


def test_a_yes_is_remembered_for_seconds_only_through(world: World) -> None:
    for _time in range(5):
        assert world.ask().status == 200
    assert world.portal.asked == ["/internal/authorize"]
    world.throw_out()
    eventually(lambda: world.ask().status == 401, seconds=5, what="it is forgotten")


def test_a_desktop_that_is_away_is_a_page_of_its_own_through(world: World) -> None:
    world.background.run(world.desktop.stop())
    assert world.ask().status == 502
    page = world.ask("GET", "/?stream", more=[*PAGE, ("Accept-Language", "zh-CN")])
    assert page.status == 502 and "桌面没有回应" in page.text


def test_an_app_that_is_not_up_yet_is_waited_for_through(world: World) -> None:
    world.let_in("inside", world.app)
    asked = {"desk": world.app, "cookie": world.cookie("inside")}

    async def not_yet(request: web.BaseRequest) -> web.StreamResponse:
        # Its socket is there from the start; whoever is behind it hangs up.
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    world.desktop.answer = not_yet
    page = world.ask(**asked, more=PAGE)
    assert page.status == 503 and "WebUI is starting" in page.text and page.get("Refresh")
    assert "WebUI 正在启动" in world.ask(**asked, more=[*PAGE, ("Accept-Language", "zh")]).text
    assert world.ask(**asked).text == "starting\n"
    world.background.run(world.desktop.stop())
    assert "WebUI is starting" in world.ask(**asked, more=PAGE).text
    world.portal.sessions.clear()
    eventually(lambda: world.ask(**asked, more=PAGE).status == 303, what="the desktop is gone")


def test_a_mistake_of_ours_is_logged_and_lets_nobody_in(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_given: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(world.gateway.portal, "authorize", broken)
    assert world.ask().status == 500
    assert "a mistake" in caplog.text and world.session not in caplog.text


def test_a_link_in_the_place_of_a_socket_is_not_followed(world: World) -> None:
    """Whoever works in a desktop may put anything there; ours are the rights to dial it."""
    elsewhere = world.folder / "elsewhere.sock"
    world.stream.rename(elsewhere)
    world.stream.symlink_to(elsewhere)
    assert world.ask().status == 502
    upgrade = [
        ("Origin", world.origin()),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    assert world.ask(more=upgrade).status == 502
    world.stream.unlink()
    world.stream.write_text("a file")
    assert world.ask().status == 502
    world.stream.unlink()
    assert world.ask().status == 502


def test_a_socket_of_any_length_is_dialled_through(world: World) -> None:
    """The kernel takes 107 bytes for a path; a checkout may lie deeper."""
    deep = world.folder / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    world.stream.rename(deep / "stream.sock")
    world.portal.upstream = f"unix:{deep / 'stream.sock'}"
    assert world.ask().status == 200
