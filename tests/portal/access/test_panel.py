"""Our panel over an app's page: which pages get the line that brings it, and who is told what."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from aiohttp import web

from portal.access.gateway import bar
from tests.portal.access.world import World

DOCUMENT = [
    ("Accept", "text/html"),
    ("Accept-Encoding", "gzip, br"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
]
APP = "<!doctype html><title>An app</title><h1>An app</h1></html>\n"


@pytest.fixture(autouse=True)
def app(world: World) -> None:
    world.let_in("inside", world.app)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=APP, content_type="text/html")

    world.desktop.answer = answer


def asked(world: World, path: str = "/", **more: Any) -> Any:
    given = {"desk": world.app, "cookie": world.cookie("inside"), "more": DOCUMENT} | more
    return world.ask("GET", path, **given)


def line(world: World) -> str:
    return bar.panels_script(world.origin(world.app)).decode()


# --- The line -----------------------------------------------------------------------------------


def test_a_page_for_a_window_ends_with_our_line(world: World) -> None:
    reply = asked(world)
    assert reply.status == 200 and reply.text == APP + line(world)
    assert reply.get("Content-Length") == [str(len(reply.body))]
    heard = world.desktop.heard[-1]
    assert heard.get("Accept-Encoding") == ["identity"], "packed, nothing could be added"
    assert '<script src="http' in line(world), "the page's own base does not lead it elsewhere"


def test_a_page_that_comes_in_pieces_passes_as_it_comes(world: World) -> None:
    async def pieces(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/html"})
        await answer.prepare(request)
        for piece in (b"<p>one", b"<p>two"):
            await answer.write(piece)
        return answer

    world.desktop.answer = pieces
    reply = asked(world)
    assert b"<p>one" in reply.body and reply.body.endswith(b"\r\n0\r\n\r\n")
    assert line(world) in reply.text


@pytest.mark.parametrize("dest", ["iframe", "empty", "script", "image", ""])
def test_everything_else_is_as_the_app_made_it(world: World, dest: str) -> None:
    more = [("Accept", "text/html"), ("Accept-Encoding", "gzip")]
    reply = asked(world, more=[*more, ("Sec-Fetch-Dest", dest)] if dest else more)
    assert reply.text == APP
    assert world.desktop.heard[-1].get("Accept-Encoding") == ["gzip"]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"{}", {"Content-Type": "application/json"}),
        (200, b"<p>", {"Content-Type": "application/xhtml+xml"}),
        (200, "<p>".encode("utf-16"), {"Content-Type": "text/html; charset=utf-16"}),
        (
            200,
            gzip.compress(b"<p>", mtime=0),
            {"Content-Type": "text/html", "Content-Encoding": "gzip"},
        ),
        (206, b"<p>", {"Content-Type": "text/html", "Content-Range": "bytes 0-2/9"}),
        (200, b"<p>", {"Content-Type": "text/html", "Content-Disposition": "attachment"}),
        (304, b"", {"Content-Type": "text/html"}),
    ],
)
def test_what_cannot_be_added_to_is_not(
    world: World, status: int, body: bytes, told: dict[str, str]
) -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=told)

    world.desktop.answer = answer
    reply = asked(world)
    assert (reply.status, reply.body) == (status, body)


def test_the_stream_and_pages_of_our_own_have_none(world: World) -> None:
    assert world.ask("GET", "/index.html", more=DOCUMENT).text == APP
    files = type(world.app)(world.app.id, "files")
    world.let_in("files", files)
    assert asked(world, desk=files, cookie=world.cookie("files")).text == APP


def test_the_panel_is_for_whoever_is_let_in_on_an_apps_origin(world: World) -> None:
    reply = asked(world, "/__gw/panel")
    assert reply.status == 200 and "{{" not in reply.text
    assert "frame-ancestors 'self'" in reply.get("Content-Security-Policy")[0]
    assert "frame-src 'none'" in reply.get("Content-Security-Policy")[0]
    assert asked(world, "/__gw/panel", cookie="").status == 401
    assert world.ask("GET", "/__gw/panel").status == 404, "the stream's page has its own"
    assert json.loads(asked(world, "/__gw/state").body)["name"] == "Rain"
    for site in ("same-site", "cross-site"):
        elsewhere = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "cors")]
        assert asked(world, "/__gw/state", more=elsewhere).status == 403
        assert asked(world, "/__gw/panel", more=elsewhere).status == 403


@pytest.mark.parametrize(("language", "word"), [("en", "was stopped"), ("zh-CN", "已停止")])
def test_an_apps_script_is_refused_in_a_sentence(world: World, language: str, word: str) -> None:
    """It reads JSON, and shows people what it finds there, or that it found none."""
    world.portal.sessions.clear()
    more = [("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors"), ("Accept-Language", language)]
    reply = asked(world, "/api", more=more)
    assert reply.status == 401 and reply.get("Content-Type") == ["application/json; charset=utf-8"]
    told = json.loads(reply.body)
    assert told["error"] == "denied" and word in told["detail"] == told["message"]
