"""Short pages of the gateway's own, for people who arrive where there is nothing to see.

No script, nothing from elsewhere; the styles are allowed by their hash.
"""

from __future__ import annotations

import base64
import hashlib
import html
from http import HTTPStatus

from aiohttp import web

from portal.access.gateway.headers import ours

TRY_AGAIN_S = 5
STARTS_WITHIN_S = 2
REFUSALS = {400: "bad request", 431: "headers too large"}
STYLE = (
    ":root{color-scheme:light dark;--wall:#F4F0E8;--text:#1C1915;--soft:#574F45;--go:#2237C3;"
    "--on:#FDFBF7}@media(prefers-color-scheme:dark){:root{--wall:#0E1016;--text:#EFEAE0;"
    "--soft:#B9B4A9;--go:#87A3FF;--on:#0A0F24}}"
    'body{margin:0;background:var(--wall);color:var(--text);font:15px/1.5 "Instrument Sans",'
    '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",system-ui,sans-serif}'
    "main{max-width:34rem;margin:22vh auto 0;padding:0 1.25rem}h1{font-size:1.75rem;"
    "line-height:1.2;letter-spacing:-.02em;margin:0 0 .75rem}p{color:var(--soft);margin:0 0 1.5rem}"
    "a{display:inline-block;background:var(--go);color:var(--on);padding:.65rem 1.1rem;"
    "border-radius:6px;text-decoration:none;font-weight:560}.more{margin:1.5rem 0}"
    ".more a{padding:0;background:none;color:var(--go);font-weight:400;text-decoration:underline}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

# key → (English headline, text, link), (Chinese …)
WORDS: dict[str, tuple[tuple[str, str, str], tuple[str, str, str]]] = {
    "ticket": (
        ("This way in is used up", "It opens once, within 30 seconds. Open the desktop again from its page.", "To the desktop's page"),
        ("入口已失效", "每个入口只能用一次，30 秒内有效。请从桌面的页面重新打开。", "前往桌面页面"),
    ),
    "denied": (
        ("You are not let in here", "Log in, and open the desktop from its page.", "To the desktop's page"),
        ("你无法进入这里", "请先登录，再从桌面的页面打开。", "前往桌面页面"),
    ),
    "away": (
        ("The desktop does not answer", "It may have been stopped, or is starting again; its page tells which. We keep trying.", "To the desktop's page"),
        ("桌面没有回应", "它可能已停止，或正在重新启动，桌面的页面会告诉你。我们会继续尝试。", "前往桌面页面"),
    ),
    "starting": (
        ("{title} is starting", "The desktop is there, its app not yet. This page opens it as soon as it answers.", "To the desktop's page"),
        ("{title} 正在启动", "桌面已就绪，应用还没有。应用一有回应，这个页面就会打开它。", "前往桌面页面"),
    ),
    "blind": (
        ("We cannot check your way in right now", "Atelier itself does not answer. Your desktop goes on with its work, and we keep trying.", "To the desktop's page"),
        ("暂时无法确认你的入口", "Atelier 暂时没有回应。你的桌面仍在运行，我们会继续尝试。", "前往桌面页面"),
    ),
    "cookies": (
        ("{title} keeps too many cookies", "They no longer fit into one request, so nothing could be opened. We removed them. Your files stay; what {title} had noted in this browser may be gone.", "Open it again"),
        ("{title} 的 Cookie 太多", "一次请求已放不下，因此无法打开。我们已清除它们。文件不受影响，{title} 在这个浏览器里记下的内容可能会丢失。", "重新打开"),
    ),
    "unknown": (
        ("There is no desktop at this address", "A desktop is opened from its page in Atelier.", "To Atelier"),
        ("这个地址没有桌面", "请从 Atelier 里桌面的页面打开。", "前往 Atelier"),
    ),
}  # fmt: skip

# What an app's own page may show where its requests are refused.
SCRIPTS = {
    "denied": (
        "This desktop is not open here any more: it was stopped, or you logged out. Open it again from its page.",
        "这个桌面已不在这里打开：它已停止，或你已退出登录。请从桌面页面重新打开。",
    ),
    "away": ("{title} does not answer. Try again in a moment.", "{title} 没有回应，请稍后重试。"),
    "starting": ("{title} is starting. Try again in a moment.", "{title} 正在启动，请稍后重试。"),
    "blind": (
        "Atelier itself does not answer right now. Your desktop goes on with its work; try again in a moment.",
        "Atelier 暂时没有回应。你的桌面仍在运行，请稍后重试。",
    ),
    "cookies": (
        "{title} keeps too many cookies in this browser. We removed them; try again.",
        "{title} 在这个浏览器里的 Cookie 太多，已清除，请重试。",
    ),
}  # fmt: skip

# Below the link of "cookies", for those that could not be removed one by one.
FORGET = (
    "If this page comes again: remove every cookie here, and open from the desktop's page",
    "如果仍然看到这个页面：清除这里的全部 Cookie，再从桌面页面打开",
)


def page(
    status: int, key: str, *, language: str, link: str, title: str = "", forget: str = ""
) -> web.Response:
    """One of the pages above. `title` is the app's; `forget` a second link, to our verb for it."""
    chinese = speaks_chinese(language)
    headline, text, word = (
        said.replace("{title}", html.escape(title)) for said in WORDS[key][1 if chinese else 0]
    )
    more = f'<p class="more"><a href="{forget}" target="_top">{FORGET[chinese]}</a></p>'
    document = (
        f'<!doctype html><html lang="{"zh-Hans" if chinese else "en"}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{headline} · Atelier</title><style>{STYLE}</style>"
        f"<main><h1>{headline}</h1><p>{text}</p>"
        # The whole window goes there, also from the frame within the bar's page.
        f'<a href="{html.escape(link)}" target="_top">{word}</a>{more if forget else ""}</main>'
    )
    answer = web.Response(
        status=status,
        text=document,
        content_type="text/html",
        headers=ours(),
    )
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; frame-ancestors 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    if status >= 500:
        answer.headers["Refresh"] = str(STARTS_WITHIN_S if key == "starting" else TRY_AGAIN_S)
    return answer


def speaks_chinese(accepted: str) -> bool:
    """Whichever of our two languages an Accept-Language header names first."""
    for word in accepted.lower().split(","):
        tag = word.strip()[:2]
        if tag in ("zh", "en"):
            return tag == "zh"
    return False


def plain(status: int, word: str) -> web.Response:
    """For programs: one word."""
    return web.Response(status=status, text=word + "\n", headers=ours())


def for_scripts(status: int, key: str, *, language: str, title: str = "") -> web.Response:
    """For the script of an app's page, which reads JSON and may show what it finds: a sentence,
    under the names by which such programs look for one.
    """
    said = SCRIPTS[key][1 if speaks_chinese(language) else 0].replace("{title}", title)
    told = {"error": key, "detail": said, "message": said}
    return web.json_response(told, status=status, headers=ours())


def refusal(status: int) -> web.Response:
    """To what could not be read: the same for everybody, with nothing in it of what came."""
    return plain(status, REFUSALS.get(status, "broken"))


def raw_refusal(status: int) -> bytes:
    """The same, where there is no request that it could answer. The connection ends with it."""
    answer = refusal(status)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    assert isinstance(answer.body, bytes)
    head = "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""])
    return head.encode() + answer.body
