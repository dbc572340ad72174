"""Where sent mail is kept while no SMTP server is set: a mailbox on a page, for this machine."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from portal.accounts.models import SentMail

KEPT = 200


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
