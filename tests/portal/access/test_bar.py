"""Our own page around the stream, what it loads, and the verbs it may say: who gets them."""

from __future__ import annotations

import json
import re

import pytest

from portal.access.gateway import bar
from tests.portal.access.world import World
from tests.running import eventually

OPENED = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
FRAMED = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]
OLDER = [("Accept", "text/html,*/*")]  # a browser that does not say what for
VERBS = ("stop", "extend")


def own(world: World) -> list[tuple[str, str]]:
    return [("Origin", world.origin()), ("Sec-Fetch-Site", "same-origin")]


def act(world: World, verb: str, **asked: object) -> int:
    asked = {"body": b"", "more": own(world)} | asked
    return world.ask("POST", f"/__gw/{verb}", **asked).status  # type: ignore[arg-type]


# --- The page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [OPENED, OLDER])
def test_a_desktop_opens_in_our_own_page(world: World, more: list[tuple[str, str]]) -> None:
    reply = world.ask(more=more)
    assert reply.status == 200 and reply.get("Content-Type") == ["text/html; charset=utf-8"]
    assert f'<iframe id="stream" data-src="{bar.STREAM}"' in reply.text
    assert "<title>Rain · Atelier</title>" in reply.text
    assert f'href="{world.settings.portal_origin}/desktops/{world.desk.id}/"' in reply.text
    assert "{{" not in reply.text
    assert not world.desktop.heard, "the desktop has no part in it"
    assert world.portal.asked == ["/internal/take"]
    (policy,) = reply.get("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert f"script-src {world.origin()}/__gw/bar/;" in policy
    assert "frame-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert not re.findall(
        r"<script(?! type=\"application/json\"| type=\"module\" src)", reply.text
    )
    assert not re.findall(r"\son\w+=|\sstyle=", reply.text)


def test_the_frame_in_it_is_the_stream(world: World) -> None:
    """And no address of the desktop's becomes a bar within a bar."""
    for path, more in (
        (bar.STREAM, FRAMED),
        (bar.STREAM, OLDER),
        ("/", FRAMED),
        ("/index.html", OPENED),
        ("/api/files/", OPENED),
        ("/", [("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]),
        ("/", []),
    ):
        reply = world.ask("GET", path, more=more)
        assert reply.status == 200 and reply.body == b"desktop", (path, more)
        assert reply.get("Content-Security-Policy") == [
            f"frame-ancestors 'self' {world.settings.portal_origin}"
        ]


def test_a_desktop_leaves_nobody_behind_who_answers_for_it(world: World) -> None:
    """A service worker would stand before our page, and stay when the desktop is another one."""
    worker = [("Service-Worker", "script"), ("Sec-Fetch-Dest", "serviceworker")]
    assert world.ask("GET", "/worker.js", more=worker).status == 403
    assert not world.desktop.heard
    world.let_in("inside", world.app)
    mine = {"desk": world.app, "cookie": world.cookie("inside")}
    answer = world.ask("GET", "/worker.js", **mine, more=worker)  # type: ignore[arg-type]
    assert answer.status == 200, "an app's origin is its own"


def test_an_app_has_no_bar(world: World) -> None:
    world.let_in("inside", world.app)
    asked = {"desk": world.app, "cookie": world.cookie("inside")}
    assert world.ask(**asked, more=OPENED).body == b"desktop"  # type: ignore[arg-type]
    origin = [("Origin", world.origin(world.app))]
    for verb in VERBS:
        assert act(world, verb, **asked, more=origin) == 404
    assert not world.portal.acted


@pytest.mark.parametrize(
    ("told", "accepted", "language"),
    [
        ("en", "zh-CN", "en"),
        ("zh-hans", "en", "zh-Hans"),
        ("", "zh-CN,zh;q=0.9", "zh-Hans"),
        ("", "", "en"),
    ],
)
def test_it_speaks_the_persons_language(
    world: World, told: str, accepted: str, language: str
) -> None:
    world.portal.state["language"] = told
    text = world.ask(more=[*OPENED, ("Accept-Language", accepted)]).text
    assert f'<html lang="{language}">' in text
    assert ("剪贴板" in text) == (language == "zh-Hans")
    assert ("Clipboard" in text) == (language == "en")


def test_a_name_is_text_whatever_it_is(world: World) -> None:
    evil = "</script><script>alert(1)</script>&{{words}}\"'<!--"
    world.portal.state["name"] = evil
    text = world.ask(more=OPENED).text
    assert "<script>alert" not in text and "<!--" not in text
    assert text.count("</script>") == 3
    (data,) = re.findall(r'id="state">(.*?)</script>', text)
    assert json.loads(data)["name"] == evil


def test_who_may_not_see_it_is_sent_away(world: World) -> None:
    page = f"{world.settings.portal_origin}/desktops/{world.desk.id}/"
    for cookie in ("", "__Host-desk=unknown"):
        reply = world.ask(cookie=cookie, more=OPENED)
        assert (reply.status, reply.get("Location")) == (303, [page])
    # A frame is not led to the portal, which would not be shown in it.
    assert world.ask("GET", bar.STREAM, cookie="", more=FRAMED).status == 401
    world.portal.state["open"] = False
    eventually(lambda: world.ask(more=OPENED).status == 303, what="it rests")


def test_all_words_are_in_both_languages_and_all_are_used() -> None:
    english, chinese = bar.words(False), bar.words(True)
    assert english.keys() == chinese.keys() and all(chinese.values())
    closed = ("stopped", "stopping", "elsewhere", "denied", "deleted", "failed", "anew",
              "returning", "waiting")  # fmt: skip
    for key in english:
        slots = [sorted(re.findall(r"\{\w+\}", said[key])) for said in (english, chinese)]
        assert slots[0] == slots[1], key
        assert "!" not in english[key] and "！" not in chinese[key]
    written = "".join(path.read_text() for path in bar.HERE.glob("*.[jh]*"))
    # Those that are put together from what the state says.
    made = {f"{word}{end}" for word in (*closed, "window", "person")
            for end in ("_title", "_says")}  # fmt: skip
    made |= {"queued", "starting", "running", "stopping", "stopped", "failed", "deleting"}
    made |= {"deleted", "sharp", "balanced", "light"}
    asked = set(re.findall(r"""\bt\(\s*"(\w+)"|\{\{t (\w+)\}\}""", written))
    known = {one or other for one, other in asked} | made
    known |= {"full_screen", "leave_full_screen"}  # chosen between, in one call
    # Said in the panel over an app's page, in the place of the same without `app_`.
    known |= {key for key in english if key.startswith("app_") and key[4:] in english}
    assert set(english) == known


# --- What it loads ------------------------------------------------------------------------------


def test_its_files_are_ours_and_kept_for_good(world: World) -> None:
    for name, kind in (
        ("main.js", "text/javascript; charset=utf-8"),
        ("bar.css", "text/css; charset=utf-8"),
        ("mark.svg", "image/svg+xml"),
        ("instrument-sans-latin-standard-normal.woff2", "font/woff2"),
    ):
        reply = world.ask("GET", f"/__gw/bar/{bar.version()}/{name}", cookie="")
        assert reply.status == 200 and reply.get("Content-Type") == [kind]
        assert reply.get("Cache-Control") == ["private, max-age=31536000, immutable"]
        assert reply.body == bar.files()[name][0]
    # A page that another version of us has sent gets what there is, and keeps nothing of it.
    other = world.ask("GET", "/__gw/bar/0123456789abcdef/main.js")
    assert other.status == 200 and other.get("Cache-Control") == ["no-store, private"]
    page = world.ask(more=OPENED).text
    named = set(re.findall(r'"(/__gw/bar/[^"]+)"', page))
    assert named and all(world.ask("GET", one).status == 200 for one in named)


@pytest.mark.parametrize(
    "path",
    [
        "/__gw/bar/",
        "/__gw/bar/{version}/",
        "/__gw/bar/{version}/../words.json",
        "/__gw/bar/{version}/%2e%2e/%2e%2e/server.py",
        "/__gw/bar/{version}/words.json",
        "/__gw/bar/{version}/page.html",
        "/__gw/bar/{version}/__init__.py",
        "/__gw/bar/another-version/main.js",
        "/__gw/bar/main.js",
    ],
)
def test_nothing_else_of_ours_can_be_asked_for(world: World, path: str) -> None:
    assert world.ask("GET", path.format(version=bar.version())).status == 404
    assert not world.desktop.heard, "nothing below our prefix is the desktop's"


# --- State and verbs ----------------------------------------------------------------------------


def test_the_state_is_told_to_whoever_is_let_in(world: World) -> None:
    reply = world.ask("GET", "/__gw/state")
    assert reply.status == 200 and json.loads(reply.body)["name"] == "Rain"
    assert reply.get("Cache-Control") == ["no-store, private"]
    assert reply.get("Cross-Origin-Resource-Policy") == ["same-origin"]
    assert world.ask("GET", "/__gw/state", cookie="").status == 401
    assert world.ask("GET", "/__gw/state", cookie="__Host-desk=unknown").status == 401
    for site in ("same-site", "cross-site"):
        elsewhere = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "cors")]
        assert world.ask("GET", "/__gw/state", more=elsewhere).status == 403
    assert world.ask("POST", "/__gw/state", body=b"", more=own(world)).status == 404


def test_whoever_asks_without_pause_asks_the_portal_once_a_second(world: World) -> None:
    for _time in range(5):
        assert world.ask("GET", "/__gw/state").status == 200
    assert world.portal.asked == ["/internal/state"]


def test_a_session_that_ended_hears_so(world: World) -> None:
    assert world.ask("GET", "/__gw/state").status == 200
    world.throw_out()
    eventually(lambda: world.ask("GET", "/__gw/state").status == 401, what="it is told")
    for verb in VERBS:
        assert act(world, verb) == 401
    assert not world.portal.acted


def test_it_stops_and_the_next_state_says_so(world: World) -> None:
    world.ask("GET", "/__gw/state")
    reply = world.ask("POST", "/__gw/stop", body=b"", more=own(world))
    assert reply.status == 200 and json.loads(reply.body)["status"] == "stopping"
    assert world.portal.acted == ["stop"]
    assert json.loads(world.ask("GET", "/__gw/state").body)["open"] is False
    assert act(world, "extend") == 200 and world.portal.acted == ["stop", "extend"]


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_elses_page_says_it(world: World, verb: str) -> None:
    site = ("Sec-Fetch-Site", "same-origin")
    said: list[list[tuple[str, str]]] = [
        [],
        [site],
        [("Origin", "null"), site],
        [("Origin", "https://evil.example")],
        [("Origin", world.settings.portal_origin)],
        [("Origin", world.origin(world.app))],
        [("Origin", world.origin() + ".evil.example")],
        [("Origin", world.origin()), ("Origin", world.origin())],
        [("Origin", world.origin()), ("Sec-Fetch-Site", "same-site")],
        [("Origin", world.origin()), ("Sec-Fetch-Site", "cross-site")],
    ]
    for more in said:
        assert act(world, verb, more=more) == 403, more
    assert act(world, verb, cookie="") == 401
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert world.ask(method, f"/__gw/{verb}", more=own(world)).status == 404
    assert not world.portal.acted and not world.desktop.heard
    # An older browser says where from, if not what for.
    assert act(world, verb, more=[("Origin", world.origin())]) == 200


@pytest.mark.parametrize("status", [403, 404, 409])
def test_what_the_portal_refuses_is_refused(world: World, status: int) -> None:
    world.portal.refuses = status
    for verb in VERBS:
        assert act(world, verb) == status


def test_it_says_when_the_portal_cannot_be_asked(world: World) -> None:
    world.portal.trouble = "500"
    assert world.ask("GET", "/__gw/state").status == 503
    assert all(act(world, verb) == 503 for verb in VERBS)
    assert world.ask(more=OPENED).status == 503
