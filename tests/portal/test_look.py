"""The look holds: fresh styles, translated words, nothing inline, headers on every answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from portal import middleware, urls, views

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"
TEMPLATES = sorted(PORTAL.rglob("templates/**/*.html"))
CATALOGUES = sorted(PORTAL.rglob("locale/*/LC_MESSAGES/django.po"))
STYLES = PORTAL / "static" / "css" / "src" / "atelier.css"


def test_the_compiled_styles_are_what_the_sources_say(tmp_path: Path) -> None:
    if not shutil.which("node") or not (ROOT / "node_modules" / "@tailwindcss" / "cli").is_dir():
        pytest.skip("no Node with node_modules here: ./dev css installs them")
    fresh = tmp_path / "atelier.css"
    command = [
        "npx",
        "--no-install",
        "tailwindcss",
        "-i",
        str(STYLES),
        "-o",
        str(fresh),
        "--minify",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    kept = PORTAL / "static" / "css" / "atelier.css"
    assert fresh.read_bytes() == kept.read_bytes(), "run ./dev css and commit its result"


# --- Words --------------------------------------------------------------------------------------


def _entries(text: str) -> list[tuple[str, bool, list[str]]]:
    """Message, fuzzy or not, translations; obsolete ones left out."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#~")]
        body = re.sub(r'"\n"', "", "\n".join(line for line in lines if not line.startswith("#")))
        message = re.search(r'^msgid "(.*)"$', body, re.M)
        if message and message.group(1):
            fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
            told = re.findall(r'^msgstr(?:\[\d\])? "(.*)"$', body, re.M)
            found.append((message.group(1), fuzzy, told))
    return found


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parents[3].name)
def test_every_sentence_has_its_chinese(catalogue: Path) -> None:
    entries = _entries(catalogue.read_text())
    missing = [message for message, fuzzy, told in entries if fuzzy or not all(told) or not told]
    assert entries
    assert not missing, f"{catalogue.relative_to(ROOT)}: {missing}"


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parents[3].name)
def test_the_compiled_words_are_what_the_sources_say(catalogue: Path, tmp_path: Path) -> None:
    if not shutil.which("msgunfmt"):
        pytest.skip("no gettext here")
    kept = catalogue.with_suffix(".mo")
    done = subprocess.run(
        ["msgunfmt", "--no-wrap", kept], capture_output=True, text=True, check=True
    )
    compiled = {message: told for message, _fuzzy, told in _entries(done.stdout)}
    source = {message: told for message, _fuzzy, told in _entries(catalogue.read_text())}
    assert compiled == source, f"run compilemessages for {catalogue.relative_to(ROOT)}"


BLOCK = re.compile(
    r"\{% blocktrans(?:late)?\b(.*?)%\}(.*?)"
    r"(?:\{% plural %\}.*?)?\{% endblocktrans(?:late)? %\}",
    re.S,
)


def _sentences(text: str) -> set[str]:
    found = set(re.findall(r'\{% trans(?:late)? "([^"]+)"', text))
    found |= set(re.findall(r"\{% trans(?:late)? '([^']+)'", text))
    found |= {s.replace('\\"', '"') for s in re.findall(r'\b_\("((?:[^"\\]|\\.)+)"\)', text)}
    for options, body in BLOCK.findall(text):
        lines = [line.strip() for line in body.strip().splitlines()]
        sentence = " ".join(lines) if "trimmed" in options.split() else body
        found.add(re.sub(r"\{\{ ?([\w.]+) ?\}\}", r"%(\1)s", sentence.replace("%", "%%")))
    return found


def test_every_sentence_in_the_sources_is_in_a_catalogue() -> None:
    """What `makemessages` would find and nobody has extracted yet."""
    entries = [entry for catalogue in CATALOGUES for entry in _entries(catalogue.read_text())]
    known = {message.replace('\\"', '"') for message, _fuzzy, _told in entries}
    gone = [
        f"{source.relative_to(ROOT)}: {sentence}"
        for source in [*TEMPLATES, *PORTAL.rglob("*.py")]
        for sentence in sorted(_sentences(source.read_text()) - known)
    ]
    assert not gone, gone


# --- Nothing inline -----------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(PORTAL)))
def test_nothing_in_a_page_needs_an_exception_from_the_content_policy(template: Path) -> None:
    text = re.sub(
        r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", template.read_text(), flags=re.S
    )
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", text)
    inline += re.findall(r"<style\b|\sstyle=|\son[a-z]+=[\"']|javascript:", text)
    assert not inline, f"{template.relative_to(ROOT)}: {inline}"
    foreign = re.findall(r"(?:src|href)=[\"']https?://[^\"']+", text)
    assert not foreign, f"{template.relative_to(ROOT)} loads from elsewhere: {foreign}"


# --- Colours ------------------------------------------------------------------------------------


def _tokens(theme: str) -> dict[str, str]:
    text = STYLES.read_text()
    daisy = re.search(rf'name: "{theme}";(.*?)\n\}}', text, re.S)
    ours = re.search(rf'\[data-theme="{theme}"\] \{{(.*?)\}}', text, re.S)
    assert daisy and ours
    return dict(
        re.findall(r"--(?:color-)?([\w-]+): (#[0-9A-F]{6})", daisy.group(1) + ours.group(1))
    )


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


TEXTS = [
    *(
        (text, ground)
        for text in ("base-content", "soft", "faint")
        for ground in ("base-100", "base-200")
    ),
    ("okt", "okb"),
    ("warnt", "warnb"),
    ("badt", "badb"),
    ("livet", "liveb"),
    ("soft", "stillb"),
    *((text, "base-100") for text in ("okt", "warnt", "badt", "livet", "infot")),
    *((f"{name}-content", name) for name in ("primary", "neutral", "error", "success", "warning")),
]


@pytest.mark.parametrize("theme", ["paper", "ink"])
def test_text_can_be_read_and_edges_can_be_seen(theme: str) -> None:
    tokens = _tokens(theme)
    pairs = {f"{t} on {g}": _contrast(tokens[t], tokens[g]) for t, g in TEXTS}
    assert {name: c for name, c in pairs.items() if c < 4.5} == {}
    seen = {
        f"{c} on {g}": _contrast(tokens[c], tokens[g])
        for c in ("edge", "primary")
        for g in ("base-100", "base-200")
    }
    assert {name: c for name, c in seen.items() if c < 3} == {}


def test_the_ink_of_the_system_is_the_ink_of_the_choice() -> None:
    text = STYLES.read_text()
    chosen = re.search(r'\[data-theme="ink"\] \{(.*?)\}', text, re.S)
    system = re.search(r":root:not\(\[data-theme\]\) \{(.*?)\}", text, re.S)
    assert chosen and system
    assert chosen.group(1).split() == system.group(1).split()


# --- Headers, hosts, languages, errors ----------------------------------------------------------


def _break(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("planted")


class Broken:
    urlpatterns = [path("broken/", _break), path("api/broken/", _break), *urls.urlpatterns]
    handler400, handler403 = views.bad_request, views.forbidden
    handler404, handler500 = views.not_found, views.server_error


@pytest.fixture
def visitor(db: None) -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    "address",
    ["/", "/nowhere/", "/broken/", "/healthz", "/static/css/atelier.css", "/api/nowhere/"],
)
@override_settings(ROOT_URLCONF=Broken)
def test_every_answer_carries_the_headers(visitor: Client, address: str) -> None:
    answer = visitor.get(address)
    for name in (*middleware.HEADERS, "Referrer-Policy"):
        assert name in answer.headers, f"{address} lacks {name}"
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@override_settings(ROOT_URLCONF=Broken)
def test_a_broken_page_is_told_in_the_house_style_without_the_database(
    visitor: Client, django_assert_num_queries: Callable[[int], object]
) -> None:
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        answer = visitor.get("/broken/", headers={"accept-language": "zh-CN"})
    assert answer.status_code == 500
    assert "画掉下来了" in answer.content.decode()
    told = visitor.get("/api/broken/")
    assert told.headers["Content-Type"] == "application/problem+json"


def test_a_form_from_elsewhere_is_refused_in_the_house_style(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/i18n/setlang/", {"language": "en"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()


def test_a_form_whose_cookie_did_not_come_says_so_in_both_languages(db: None) -> None:
    visitor = Client(enforce_csrf_checks=True)
    for language, told in (("en", "Cookies are blocked"), ("zh-CN", "允许 testserver 的 Cookie")):
        answer = visitor.post("/accounts/login/", headers={"accept-language": language})
        assert answer.status_code == 403
        assert told in answer.content.decode()
    visitor.cookies[settings.CSRF_COOKIE_NAME] = "x" * 32
    answer = visitor.post("/accounts/login/", {"csrfmiddlewaretoken": "y" * 32})
    assert "This form was open for too long" in answer.content.decode()


def test_a_missing_page_says_what_was_asked_for(visitor: Client) -> None:
    answer = visitor.get("/desktops-of-<b>nobody</b>/")
    assert answer.status_code == 404
    assert "/desktops-of-&lt;b&gt;nobody&lt;/b&gt;/" in answer.content.decode()


def test_browsers_are_sent_to_the_one_name_and_programs_are_answered(visitor: Client) -> None:
    by_number = {"HTTP_HOST": f"127.0.0.1:{settings.ATELIER.port}"}
    page = visitor.get("/setups/?a=1", HTTP_ACCEPT="text/html", **by_number)
    assert page.status_code == 302
    assert page.headers["Location"] == f"{settings.ATELIER.portal_origin}/setups/?a=1"
    assert visitor.get("/healthz", HTTP_ACCEPT="text/html", **by_number).status_code == 200
    assert visitor.get("/setups/", HTTP_ACCEPT="*/*", **by_number).status_code == 200


@pytest.mark.parametrize(
    "host", ["d-abc.localhost:8000", "D-ABC.localhost", "other.localhost:8000"]
)
def test_a_desktops_name_is_not_the_portals(visitor: Client, host: str) -> None:
    assert visitor.get("/", HTTP_HOST=host).status_code == 421


def test_the_language_is_the_chosen_one_before_the_browsers(visitor: Client) -> None:
    chinese = {"accept-language": "zh-CN,zh;q=0.9"}
    assert 'lang="en"' in visitor.get("/help/").content.decode()
    assert 'lang="zh-Hans"' in visitor.get("/help/", headers=chinese).content.decode()
    visitor.post("/i18n/setlang/", {"language": "en", "next": "/help/"})
    assert 'lang="en"' in visitor.get("/help/", headers=chinese).content.decode()


def test_the_chosen_theme_is_in_the_first_byte_of_the_page(visitor: Client) -> None:
    visitor.cookies["atelier-theme"] = "ink"
    assert '<html lang="en" data-theme="ink">' in visitor.get("/help/").content.decode()
    visitor.cookies["atelier-theme"] = '"><script>'
    assert "<script>" not in visitor.get("/help/").content.decode()


def test_the_front_page_stands_without_a_catalogue(visitor: Client) -> None:
    answer = visitor.get("/")
    assert answer.status_code == 200
    assert "Nothing is on offer here yet" in answer.content.decode()


def test_the_front_page_shows_what_is_sold_and_what_it_costs(visitor: Client) -> None:
    from django.core.management import call_command

    call_command("load_catalog", verbosity=0)
    text = visitor.get("/").content.decode()
    assert "AIGC A4000" in text
    assert "¥1.98" in text
    assert "Preview: nothing is charged." in text
    assert visitor.get("/setups/").status_code == 200
    assert "Blank canvas" in visitor.get("/setups/blank/").content.decode()
    assert visitor.get("/setups/no-such/").status_code == 404
    assert "4 of 4" in re.sub(r"<[^>]+>", "", visitor.get("/stock/").content.decode())


def test_covers_are_light_enough() -> None:
    covers = sorted((PORTAL / "static" / "covers").glob("*.webp"))
    assert len(covers) >= 9
    assert [path.name for path in covers if path.stat().st_size > 120_000] == []


def test_the_headers_leave_a_views_own_policy_alone() -> None:
    def own(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            "", headers={"Content-Security-Policy": "form-action https://elsewhere"}
        )

    answer = middleware.SecurityHeaders(own)(RequestFactory().get("/"))
    assert isinstance(answer, HttpResponse)
    assert answer.headers["Content-Security-Policy"] == "form-action https://elsewhere"


def test_no_view_hides_where_its_forms_come_from() -> None:
    """Less than the origin makes a browser send `Origin: null`, and the form is refused."""

    def shy(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("", headers={"Referrer-Policy": "no-referrer"})

    answer = middleware.SecurityHeaders(shy)(RequestFactory().get("/"))
    assert isinstance(answer, HttpResponse)
    assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
