"""What the pages about people parse. allauth brings its own for log-in and passwords."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from portal.accounts.models import Role
from portal.accounts.permissions import Actor, grantable
from portal.display_names import DisplayNameField

ROLE_WORDS = {
    Role.OWNER: _("Owner: everything, also other owners"),
    Role.ADMIN: _("Admin: people, desktops and money"),
    Role.BILLING: _("Billing: sees desktops and what they cost"),
    Role.MEMBER: _("Member: launches and uses desktops"),
}
LIFETIMES = {"30": _("30 days"), "90": _("90 days"), "365": _("1 year"), "": _("No end")}


class ProfileForm(forms.Form):
    name = DisplayNameField(label=_("Name"), max_length=80, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class TeamForm(forms.Form):
    name = DisplayNameField(
        label=_("Name"), max_length=80, error_messages={"required": _("Give the team a name.")}
    )


class InviteForm(forms.Form):
    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Write at least one address.")},
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(actor)  # type: ignore[attr-defined]

    def clean_emails(self) -> list[str]:
        """One a line, or separated by commas or spaces; each once, in the order written."""
        text = self.cleaned_data["emails"].replace(",", " ").replace(";", " ").replace("，", " ")
        return list(dict.fromkeys(text.lower().split()))


class TokenForm(forms.Form):
    name = DisplayNameField(
        label=_("Name"),
        max_length=80,
        error_messages={"required": _("Say what the token is for, so that you know it again.")},
    )
    days = forms.ChoiceField(
        label=_("Works for"), choices=list(LIFETIMES.items()), required=False, initial="90"
    )


def role_choices(actor: Actor) -> list[tuple[str, object]]:
    return [(role, ROLE_WORDS[Role(role)]) for role in grantable(actor)]
