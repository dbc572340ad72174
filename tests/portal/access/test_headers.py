"""What a desktop hears, and what a browser hears back."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import web

from portal.access.gateway import headers, pages
from tests.portal.access.world import BASIC, World

NOT_FOR_DESKTOPS = [
    ("Authorization", "Bearer the portal's"),
    ("X-CSRFToken", "token"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Host", "evil"),
    ("X-Forwarded-Proto", "https"),
    ("X_Forwarded_For", "10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Desk-User", "root"),
    ("X_Desk_User", "root"),
    ("X-Atelier-Time", "1"),
    ("X-Atelier-Signature", "1"),
    ("Proxy-Authorization", "Basic eDp5"),
    ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"),
    ("Keep-Alive", "timeout=5"),
    ("Authorization", "Basic YTpi"),
]
PORTAL_COOKIES = "__Host-atelier8000=portal; __Host-atelier-csrf8000=csrf"


@pytest.mark.parametrize("app", [False, True])
def test_a_desktop_hears_nothing_that_is_not_for_it(world: World, app: bool) -> None:
    desk = world.app if app else world.desk
    world.let_in("s", desk)
    reply = world.ask(desk=desk, cookie=f"{PORTAL_COOKIES}; __Host-desk=s", more=NOT_FOR_DESKTOPS)
    assert reply.status == 200
    heard = world.desktop.heard[0]
    assert heard.get("Host") == [world.host(desk)], "the stream compares it with Origin"
    # A file's permissions are an app's lock; only at an address of a pod is there a guard.
    assert heard.get("Authorization") == ([] if app else [BASIC])
    assert not heard.get("Cookie")
    # Its own word for how the public address begins, whatever the browser claims.
    assert heard.get("X-Forwarded-Proto") == (["http"] if app else [])
    ours = {"authorization", "x-forwarded-proto"}
    names = {name.lower() for name, _value in heard.headers}
    assert not names & {name.lower() for name, _value in NOT_FOR_DESKTOPS} - ours
    said = repr(heard.headers)
    assert "portal" not in said and "10.0.0.1" not in said and "Bearer" not in said


def test_a_stream_hears_what_uploads_need_and_no_more(world: World) -> None:
    wanted = {
        "Range": "bytes=0-9",
        "X-Upload-Path": "a.bin",
        "X-Upload-Id": "1",
        "X-Upload-Offset": "0",
        "X-Upload-Final": "1",
        "User-Agent": "Test",
        "Accept-Language": "zh",
        "If-None-Match": '"x"',
        "Content-Type": "application/octet-stream",
    }
    more = [*wanted.items(), ("X-Whatever", "1"), ("Referer", "http://localhost/")]
    world.ask("POST", "/api/upload", body=b"x", more=more)
    heard = world.desktop.heard[0]
    assert {name: heard.get(name) for name in wanted} == {k: [v] for k, v in wanted.items()}
    assert not heard.get("X-Whatever") and not heard.get("Referer") and not heard.get("Cookie")


def test_an_app_hears_its_own_headers_and_cookies(world: World) -> None:
    world.let_in("s", world.app)
    cookie = f"theme=dark; __Host-desk=s; {PORTAL_COOKIES}; session=app"
    world.ask(desk=world.app, cookie=cookie, more=[("X-Gradio", "1"), ("X-Odd_One", "1")])
    heard = world.desktop.heard[0]
    assert heard.get("X-Gradio") == ["1"]
    assert heard.get("Cookie") == ["theme=dark; session=app"]
    assert not heard.get("X-Odd_One")


def test_bytes_that_are_no_text_go_nowhere_and_break_nothing(world: World) -> None:
    for cookie in ("__Host-desk=\xff", "__Host-desk=a b", "__Host-desk=" + "a" * 200, "\xff=\xfe"):
        assert world.ask(cookie=cookie).status == 401
    world.let_in("s", world.app)
    more = [("X-Bytes", "\xff"), ("X-Text", "plain")]
    assert world.ask(desk=world.app, cookie="__Host-desk=s; a=\xff", more=more).status == 200
    heard = world.desktop.heard[0]
    assert not heard.get("X-Bytes") and not heard.get("Cookie") and heard.get("X-Text")

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        said = b"HTTP/1.1 200 OK\r\nX-Bytes: \xff\r\nX-Text: \xe6\xa1\x8c\r\n"
        request.transport.write(said + b"Content-Length: 0\r\n\r\n")
        await asyncio.sleep(0.2)
        raise ConnectionError

    world.desktop.answer = answer
    reply = world.ask()
    assert reply.status == 200
    assert not reply.get("X-Bytes") and reply.get("X-Text")


def test_what_a_header_nominates_ends_here(world: World) -> None:
    world.let_in("s", world.app)
    more = [("Connection", "X-Gradio, Origin"), ("X-Gradio", "1"), ("Origin", world.origin())]
    world.ask(desk=world.app, cookie="__Host-desk=s", more=more)
    heard = world.desktop.heard[0]
    assert not heard.get("X-Gradio")
    assert heard.get("Origin") and heard.get("Host"), "nobody makes us forget these"


@pytest.mark.parametrize(
    "path",
    ["/a%2fb//c?x=%20&y=+&z=%zz", "/%2e%2e/%2e%2e/etc", "/a/../b", "//evil.example/", "/;p"],
)
def test_a_path_passes_as_it_came(world: World, path: str) -> None:
    assert world.ask("GET", path).status == 200
    assert world.desktop.heard[0].path == path


def test_a_body_passes_as_it_is(world: World) -> None:
    packed = gzip.compress(b"hello" * 100)
    reply = world.ask("POST", body=packed, more=[("Content-Encoding", "gzip")])
    assert world.desktop.heard[0].body == packed
    assert reply.body == packed


def answering(world: World, *pairs: tuple[str, str], status: int = 200, body: bytes = b"") -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        response = web.Response(status=status, body=body)
        for name, value in pairs:
            response.headers.add(name, value)
        return response

    world.desktop.answer = answer


NOT_FOR_BROWSERS = [
    ("X-Accel-Redirect", "/etc/passwd"),
    ("X-Accel-Buffering", "no"),
    ("Alt-Svc", 'h3=":443"'),
    ("Strict-Transport-Security", "max-age=1"),
    ("Clear-Site-Data", '"*"'),
    ("Service-Worker-Allowed", "/"),
    ("WWW-Authenticate", 'Basic realm="phish"'),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("NEL", "{}"),
    ("Report-To", "{}"),
    ("Reporting-Endpoints", 'a="https://evil"'),
    ("Refresh", "0; url=https://evil"),
    ("Proxy-Authenticate", "Basic"),
    ("X-Frame-Options", "ALLOWALL"),
    ("Keep-Alive", "timeout=999"),
    ("X_Odd", "1"),
]


@pytest.mark.parametrize("app", [False, True])
def test_a_browser_hears_nothing_that_acts_elsewhere(world: World, app: bool) -> None:
    desk = world.app if app else world.desk
    world.let_in("s", desk)
    answering(
        world,
        *NOT_FOR_BROWSERS,
        ("Set-Cookie", "__Host-desk=mine; Secure; Path=/"),
        ("Set-Cookie", "__host-sid=1; Domain=localhost"),
        ("Set-Cookie", "=nameless"),
        ("Cache-Control", "public, max-age=999"),
        ("Referrer-Policy", "unsafe-url"),
        ("Content-Security-Policy", "script-src 'self'"),
        ("X-Own", "kept"),
        ("ETag", '"1"'),
    )
    reply = world.ask(desk=desk, cookie="__Host-desk=s")
    assert reply.status == 200
    names = {name.lower() for name, _value in reply.headers}
    assert not names & {name.lower() for name, _value in NOT_FOR_BROWSERS}
    assert not reply.get("Set-Cookie")
    assert reply.get("Cache-Control") == ["no-store, private"]
    assert reply.get("Referrer-Policy") == ["no-referrer"]
    assert reply.get("X-Content-Type-Options") == ["nosniff"]
    assert reply.get("X-Robots-Tag") == ["noindex"]
    assert reply.get("Cross-Origin-Resource-Policy") == ["same-origin"]
    assert reply.get("Cross-Origin-Opener-Policy") == ["same-origin-allow-popups"]
    own = "" if app else "'self' "
    assert reply.get("Content-Security-Policy") == [
        "script-src 'self'",
        # The stream lies in our own page; an app's page in none but the portal's.
        f"frame-ancestors {own}{world.settings.portal_origin}",
    ]
    assert reply.get("X-Own") == ["kept"] and reply.get("ETag") == ['"1"']


def test_an_apps_cookies_stay_on_its_host(world: World) -> None:
    world.let_in("s", world.app)
    answering(
        world,
        ("Set-Cookie", "theme=dark; Domain=localhost; Path=/; HttpOnly"),
        ("Set-Cookie", "lang=zh"),
    )
    reply = world.ask(desk=world.app, cookie="__Host-desk=s")
    assert reply.get("Set-Cookie") == ["theme=dark; Path=/; HttpOnly", "lang=zh"]


def test_a_stream_sets_no_cookies(world: World) -> None:
    answering(world, ("Set-Cookie", "theme=dark"))
    assert not world.ask().get("Set-Cookie")


OWN = "http://d-x.localhost:8001"


@pytest.mark.parametrize(
    ("location", "stream", "app"),
    [
        ("/next?a=b", "/next?a=b", "/next?a=b"),
        ("next", "next", "next"),
        (OWN + "/next", OWN + "/next", OWN + "/next"),
        (OWN + ".evil.example/", "", ""),
        ("//evil.example/", "", ""),
        ("/\\evil.example/", "", ""),
        ("\\\\evil.example", "", ""),
        ("javascript:alert(1)", "", ""),
        ("data:text/html,x", "", ""),
        ("http://127.0.0.1:7860/next?a=b", "", "/next?a=b"),
        ("http://127.0.0.1:7860//evil.example", "", "/evil.example"),
        ("http://[::1]:7860/next", "", "/next"),
        ("http://localhost:8000/accounts/logout/", "", "/accounts/logout/"),
        ("http://d-other.localhost:8001/", "", "/"),
        ("http://10.0.0.1/latest", "", "/latest"),
        ("http://0x7f000001/", "", "/"),
        ("https://civitai.example/login", "", "https://civitai.example/login"),
        ("https://user@evil.example/", "", ""),
        ("ftp://evil.example/", "", ""),
        ("https://[bad", "", ""),
    ],
)
def test_a_redirect_leads_only_where_it_may(location: str, stream: str, app: str) -> None:
    assert headers.redirect(location, OWN, app=False) == stream
    assert headers.redirect(location, OWN, app=True) == app


@pytest.mark.parametrize("status", [101, 401])
def test_a_desktop_that_asks_for_a_password_or_switches_protocols_is_away(
    world: World, status: int
) -> None:
    """A browser must never be asked for the desktop's own secret."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(
            f"HTTP/1.1 {status} Word\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
            "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n".encode()
        )
        return web.Response()

    world.desktop.answer = answer
    reply = world.ask()
    assert reply.status == 502
    assert not reply.get("WWW-Authenticate") and not reply.get("Upgrade")


def test_ten_megabytes_of_headers_are_no_answer(world: World) -> None:
    answering(world, ("X-Big", "a" * 10_000_000))
    assert world.ask().status == 502


@pytest.mark.parametrize(
    ("accepted", "chinese"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("en-GB,zh;q=0.5", False),
        ("fr, zh-TW", True),
        ("", False),
    ],
)
def test_its_own_pages_speak_the_visitors_language(
    world: World, accepted: str, chinese: bool
) -> None:
    assert pages.speaks_chinese(accepted) is chinese
    more = [("Accept", "text/html"), ("Accept-Language", accepted)]
    reply = world.ask(cookie="", more=[("Host-Less", "x"), *more], method="POST", body=b"")
    assert reply.status == 401
    assert ('lang="zh-Hans"' in reply.text) is chinese
    assert "<script" not in reply.text and "http" not in reply.text.split("<a href")[0]
    assert "sha256-" in reply.get("Content-Security-Policy")[0]


@pytest.mark.parametrize("space", ["\u2003", "\xa0", "\x1f"])
def test_what_only_we_take_for_a_space_makes_no_second_cookie(space: str) -> None:
    """An app may set such a name for every desktop of its domain; a browser sees no prefix."""
    assert headers.cookie([f"__Host-desk=good; {space}__Host-desk=bad"]) == "good"
    assert headers.cookie(["a=b;\t__Host-desk = good "]) == "good"
    assert headers.cookie(["__Host-desk=one; __Host-desk=two"]) == ""
    assert headers.app_cookies([f"a=b; {space}__Host-desk=bad"]) == "a=b"
