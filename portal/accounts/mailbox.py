"""Where sent mail is kept while no SMTP server is set: a mailbox on a page, for this machine.

Whoever sits at the machine may read it, nobody else: it shows itself to direct requests from
loopback only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.http import HttpRequest

from portal.accounts.models import SentMail

KEPT = 200
HOSTS = ("localhost", "127.0.0.1", "[::1]")
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")
CODE = re.compile(r"^\s*(\d{6})\s*$", re.MULTILINE)
PORT = re.compile(r":\d+$")
LINK = re.compile(r"https?://\S+")


def is_open_to(request: HttpRequest) -> bool:
    """A proxy in front would make the whole network look like loopback, so none may be there."""
    if not settings.MAILBOX or any(name in request.META for name in FORWARDED):
        return False
    host = PORT.sub("", request.get_host())
    try:
        near = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
    return near and host in HOSTS


@dataclass(frozen=True)
class Shown:
    """A mail with its code and links picked out."""

    mail: SentMail
    code: str

    @property
    def spaced_code(self) -> str:
        return f"{self.code[:3]} {self.code[3:]}"

    @property
    def paragraphs(self) -> list[list[tuple[str, bool]]]:
        """Lines of words and links, without the code, which is shown large."""
        text = CODE.sub("", self.mail.body)
        return [_parts(block) for block in re.split(r"\n\s*\n", text) if block.strip()]


def show(mail: SentMail) -> Shown:
    found = CODE.search(mail.body)
    return Shown(mail=mail, code=found[1] if found else "")


def newest_to(recipient: str) -> Shown | None:
    mail = SentMail.objects.filter(recipient=recipient.lower()).first()
    return show(mail) if mail else None


def _parts(block: str) -> list[tuple[str, bool]]:
    parts, end = [], 0
    for link in LINK.finditer(block):
        parts += [(block[end : link.start()], False), (link[0], True)]
        end = link.end()
    return [(text, is_link) for text, is_link in [*parts, (block[end:], False)] if text.strip()]


class MailboxBackend(BaseEmailBackend):
    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            for recipient in message.recipients():
                SentMail.objects.create(
                    recipient=recipient.lower()[:254],
                    subject=str(message.subject)[:200],
                    body=str(message.body),
                )
        oldest_kept = SentMail.objects.order_by("-id").values_list("id", flat=True)[
            KEPT - 1 : KEPT
        ]
        SentMail.objects.filter(id__lt=next(iter(oldest_kept), 0)).delete()
        return len(messages)
