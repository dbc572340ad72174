"""Opening a desktop: the portal's last page before the desktop's own address."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.access import tickets
from portal.accounts.permissions import require
from portal.middleware import CONTENT_SECURITY_POLICY


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def open_desktop(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    """Answers a page that sends the ticket on by itself, in the body of a form."""
    if request.method != "POST":  # whoever logged in on the way here
        return redirect("desktops:detail", desktop_id)
    actor = request.actor  # type: ignore[attr-defined]
    require(actor, "desktop.see")
    try:
        issued = tickets.issue(
            actor,
            desktop_id,
            app=request.POST.get("app", ""),
            portal_session_key=request.session.session_key or "",
        )
    except tickets.NotFound:
        raise Http404 from None
    except tickets.Refused as refusal:
        messages.warning(request, refusal.message)
        return redirect("desktops:detail", desktop_id)
    response = render(
        request, "access/handover.html", {"issued": issued, "desktop_id": desktop_id}
    )
    return _leaving_for(response, issued.address)


def _leaving_for(response: HttpResponse, address: str) -> HttpResponse:
    """This one page may send a form to the desktop."""
    parts = urlsplit(address)
    target = f"form-action {parts.scheme}://{parts.netloc}"
    policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'", target)
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cache-Control"] = "no-store, private"
    return response
