"""What the pages about people need and no view of allauth's gives them."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context

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


@register.filter
def wrong_count(form: Any) -> int:
    return sum(len(errors) for errors in form.errors.values())
