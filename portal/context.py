"""What every page knows: who is at work, where one can go, the theme and the other language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal.accounts import mailbox
from portal.accounts.models import Tenant
from portal.accounts.permissions import Actor

THEMES = ("paper", "ink")
# How each language calls itself, and its code for browsers.
LANGUAGES = {"en": ("English", "en"), "zh-hans": ("中文", "zh-Hans")}


@dataclass(frozen=True)
class Entry:
    title: str
    url: str
    current: bool = False
    icon: str = ""


def page(request: HttpRequest) -> dict[str, Any]:
    actor: Actor | None = getattr(request, "actor", None)
    theme = request.COOKIES.get("atelier-theme", "")
    return {
        "actor": actor,
        "tenants": SimpleLazyObject(lambda: _tenants(actor)),
        "nav": _present(request, _nav(actor)),
        "person_links": _present(request, _person_links(request, actor)) if actor else [],
        "footer_links": _present(request, _footer()),
        "theme": theme if theme in THEMES else "",
        "other_language": _other_language(),
        "sign_in_url": address("account_login"),
        "sign_up_url": address("account_signup"),
        "sign_out_url": address("account_logout"),
        "switch_url": address("accounts:switch"),
    }


def address(name: str) -> str:
    """Where a page is; empty while there is no such page. `name#part` goes to a part of it."""
    name, mark, part = name.partition("#")
    try:
        return reverse(name) + mark + part
    except NoReverseMatch:
        return ""


def _nav(actor: Actor | None) -> list[tuple[str, str, str]]:
    if actor is None:
        return [
            (_("Plans"), "landing#plans", ""),
            (_("Setups"), "setups", ""),
            (_("How it starts"), "landing#start", ""),
            (_("Run it yourself"), "landing#yourself", ""),
        ]
    return [
        (_("Desktops"), "desktops:list", ""),
        (_("Setups"), "setups", ""),
        (_("Team"), "accounts:team", ""),
        (_("Help"), "help", ""),
    ]


def _person_links(request: HttpRequest, actor: Actor) -> list[tuple[str, str, str]]:
    links = [
        (_("Settings"), "accounts:settings", "settings"),
        (_("API tokens"), "accounts:tokens", "key-round"),
    ]
    if mailbox.is_open_to(request):
        links.append((_("Mailbox"), "accounts:mailbox", "mail"))
    if actor.user.is_staff:
        links.append((_("Operators' pages"), "admin:index", "shield"))
    return links


def _footer() -> list[tuple[str, str, str]]:
    return [
        (_("Prices"), "landing#plans", ""),
        (_("Setups"), "setups", ""),
        (_("Help"), "help", ""),
        (_("API"), "api:docs", ""),
    ]


def _present(request: HttpRequest, links: list[tuple[str, str, str]]) -> list[Entry]:
    """Only what exists; the page one is on, or below, is marked."""
    found = [(title, address(name), icon) for title, name, icon in links]
    return [
        Entry(title, url, current="#" not in url and request.path.startswith(url), icon=icon)
        for title, url, icon in found
        if url
    ]


def _tenants(actor: Actor | None) -> list[Tenant]:
    """Where this person may work: their own space first."""
    if actor is None:
        return []
    mine = Tenant.objects.filter(memberships__user=actor.user, is_active=True)
    return sorted(mine, key=lambda tenant: (tenant.personal_of_id is None, tenant.name.lower()))


def _other_language() -> dict[str, str]:
    code = "en" if (get_language() or "").startswith("zh") else "zh-hans"
    name, lang = LANGUAGES[code]
    return {"code": code, "name": name, "lang": lang}
