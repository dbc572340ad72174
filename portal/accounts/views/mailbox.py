"""The mailbox of this machine: 404 for everybody who does not sit at it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.accounts import mailbox
from portal.accounts.models import SentMail


@never_cache
@require_GET
def page(request: HttpRequest, mail_id: int | None = None) -> HttpResponse:
    if not mailbox.is_open_to(request):
        raise Http404
    mails = list(SentMail.objects.all()[: mailbox.KEPT])
    chosen = mails[0] if mails else None
    if mail_id is not None:
        chosen = get_object_or_404(SentMail, id=mail_id)
    context = {
        "mails": mails,
        "shown": mailbox.show(chosen) if chosen else None,
        "opened": mail_id is not None,
        "kept": mailbox.KEPT,
    }
    return render(request, "accounts/mailbox.html", context)
