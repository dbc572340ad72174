"""What the buttons send. Each answers with a redirect, or with the page and why it was refused."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal import display_names
from portal.accounts.permissions import Actor
from portal.desktops import actions, views
from portal.desktops.forms import DeleteForm, NameForm
from portal.desktops.refusals import Refused
from provisioner.desktops import Desktop

Verb = Callable[[Actor | None, UUID], Desktop]


@login_required
@require_POST
def start(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    return _do(request, desktop_id, actions.start)


@login_required
@require_POST
def stop(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    return _do(request, desktop_id, actions.stop)


@login_required
@require_POST
def move(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    return _do(request, desktop_id, actions.move)


@login_required
@require_POST
def stay(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    return _do(request, desktop_id, actions.stay)


@login_required
@require_POST
def delete(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    """Only with the desktop's name typed; a page without scripts is asked on the page itself."""
    desktop = views.found(request, desktop_id)
    form = DeleteForm(request.POST)
    typed = form.cleaned_data["name"] if form.is_valid() else ""
    if not display_names.is_same(typed, desktop.name):
        message = _("Type “{name}” exactly as it is written. Nothing was deleted.")
        return views.detail_page(
            request,
            desktop_id,
            status=422,
            delete_error=message.format(name=desktop.name),
            delete_typed=typed,
        )
    answer = _do(request, desktop_id, actions.delete, back="desktops:list")
    if answer.status_code == 302:
        messages.info(request, _("“{name}” is being deleted.").format(name=desktop.name))
    return answer


@login_required
@require_POST
def rename(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    form = NameForm(request.POST)
    typed = request.POST.get("name", "")
    if not form.is_valid():
        error = str(form.errors["name"][0])
        return views.detail_page(
            request, desktop_id, status=422, rename_error=error, rename_typed=typed
        )
    try:
        actions.rename(views.seeing(request), desktop_id, name=form.cleaned_data["name"])
    except actions.NotFound as error:
        raise Http404 from error
    except Refused as refusal:
        return views.detail_page(
            request, desktop_id, status=422, rename_error=refusal.message, rename_typed=typed
        )
    return redirect("desktops:detail", desktop_id)


def _do(request: HttpRequest, desktop_id: UUID, verb: Verb, *, back: str = "") -> HttpResponse:
    try:
        verb(views.seeing(request), desktop_id)
    except actions.NotFound as error:
        raise Http404 from error
    except Refused as refusal:
        messages.error(request, refusal.message)
    if back:
        return redirect(back)
    return _back(request, desktop_id)


def _back(request: HttpRequest, desktop_id: UUID) -> HttpResponse:
    """To where the button was: the list, or the desktop's own page."""
    if request.POST.get("back") == "list":
        return redirect("desktops:list")
    return redirect("desktops:detail", desktop_id)
