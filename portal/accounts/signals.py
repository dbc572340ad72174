"""What allauth tells us about people is written into the audit."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.account.adapter import get_adapter
from allauth.mfa import signals as mfa
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import Signal
from django.http import HttpRequest

from portal.accounts import audit
from portal.accounts.models import User

HEARD: dict[str, Signal] = {
    "auth.signed_up": account.user_signed_up,
    "auth.logged_in": user_logged_in,
    "auth.logged_out": user_logged_out,
    "auth.password_changed": account.password_changed,
    "auth.password_reset": account.password_reset,
    "auth.password_set": account.password_set,
    "auth.email_changed": account.email_changed,
    "auth.second_step_added": mfa.authenticator_added,
    "auth.second_step_removed": mfa.authenticator_removed,
    "auth.second_step_renewed": mfa.authenticator_reset,
    "auth.second_step_failed": mfa.authentication_failed,
}


def connect() -> None:
    for action, signal in HEARD.items():
        signal.connect(_writer(action), weak=False, dispatch_uid=action)
    user_login_failed.connect(_login_failed, dispatch_uid="auth.log_in_failed")


def _writer(action: str) -> Any:
    def write(sender: object, **heard: Any) -> None:
        user = heard.get("user")
        if isinstance(user, User):
            audit.record_person(user, action, **_from(heard.get("request")))

    return write


def _login_failed(sender: object, request: HttpRequest | None = None, **heard: Any) -> None:
    """Whose address was tried, if it is anybody's; the address itself is not kept."""
    tried = str(heard.get("credentials", {}).get("email", ""))[:254]
    user = User.objects.filter(email__iexact=tried).first() if tried else None
    audit.record_person(user, "auth.log_in_failed", **_from(request))


def _from(request: HttpRequest | None) -> dict[str, str]:
    try:
        return {"ip": get_adapter().get_client_ip(request)} if request is not None else {}
    except PermissionDenied:  # no address: a log-in that no browser made
        return {}
