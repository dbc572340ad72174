"""What the pages about people need and no view of allauth's gives them."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.template.context import Context
from django.utils.safestring import SafeString, mark_safe

from portal.accounts import mailbox, tenants
from portal.accounts.models import Membership

register = template.Library()


@register.simple_tag(takes_context=True)
def mailbox_is_open(context: Context) -> bool:
    request: HttpRequest = context["request"]
    return mailbox.is_open_to(request)


@register.simple_tag(takes_context=True)
def newest_mail(context: Context, recipient: str) -> mailbox.Shown | None:
    """For the page that waits for a code. Nothing where the mailbox is not open."""
    if not mailbox.is_open_to(context["request"]):
        return None
    return mailbox.newest_to(str(recipient))


@register.simple_tag(takes_context=True)
def my_memberships(context: Context) -> list[Membership]:
    user = context["request"].user
    return tenants.memberships_of(user) if user.is_authenticated else []


@register.inclusion_tag("accounts/_field.html")
def entry(field: BoundField, label: str = "", hint: str = "", **more: Any) -> dict[str, Any]:
    """A field with our words and our look, also where the form is allauth's.

    `show=True` adds the word that shows a password; other keywords become attributes.
    """
    field.label = label or field.label
    field.field.help_text = hint
    show = more.pop("show", False)
    kind = getattr(field.field.widget, "input_type", "textarea")
    css = {"select": "select", "textarea": "textarea h-auto py-2"}.get(kind, "input")
    attrs = {"class": f"{css} pr-16" if show else css, "placeholder": "", "rows": "3", **more}
    if kind != "textarea":
        del attrs["rows"]
    return {"field": field, "widget": field.as_widget(attrs=attrs), "hint": hint, "show": show}


@register.filter
def drawing(svg: str) -> SafeString:
    """The code that a phone reads, drawn by our own server, without its XML head."""
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308


# Only to recognise one's own browser by; the first that fits names it.
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome",
            "Safari/": "Safari", "curl/": "curl"}  # fmt: skip
SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows",
           "Mac OS X": "macOS", "Linux": "Linux"}  # fmt: skip


@register.filter
def browser(user_agent: str) -> str:
    """“Chrome, Linux” instead of what browsers call themselves."""
    names = [
        next((name for mark, name in table.items() if mark in user_agent), "")
        for table in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(name for name in names if name) or user_agent[:60] or "?"
