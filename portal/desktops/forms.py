"""What people type and choose on the pages about desktops. Parses; `actions` decides."""

from __future__ import annotations

import secrets

from django import forms
from django.utils.translation import gettext_lazy as _


class LaunchForm(forms.Form):
    setup = forms.SlugField(error_messages={"required": _("Choose a setup.")})
    plan = forms.SlugField(error_messages={"required": _("Choose a plan.")})
    # An earlier version, as `setup@version`: it says nothing about a setup chosen since.
    edition = forms.CharField(required=False, max_length=100)
    name = forms.CharField(required=False, max_length=200)
    # Makes a form that is sent twice launch one desktop.
    once = forms.CharField(required=False, max_length=64)

    def wish(self) -> dict[str, str]:
        """What `actions.launch` takes."""
        said = dict(self.cleaned_data)
        setup, _at, version = said.pop("edition").partition("@")
        return said | {"version": version if setup == said["setup"] else ""}


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=200, error_messages={"required": _("Give it a name.")}, label=_("Name")
    )


class DeleteForm(forms.Form):
    """The typed confirmation."""

    name = forms.CharField(required=False, max_length=200)


def once() -> str:
    return secrets.token_urlsafe(16)
