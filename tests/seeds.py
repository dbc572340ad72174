"""Something to look at: people, a team, and desktops in every state.

Everything is done by the code that does it on a site; only the clock is turned back, so that
there is a past.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from allauth.account.models import EmailAddress
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from portal.accounts import tenants, tokens
from portal.accounts.models import Membership, Role, Tenant, User
from portal.accounts.permissions import Actor
from portal.catalog import offers, presence
from portal.desktops import selling
from provisioner import desktops, nudge, observer
from provisioner.desktops import Desktop
from provisioner.drivers.base import Observation
from provisioner.states import Observed

PASSWORD = "pictures of every page"
PEOPLE = {"alice": "Alice Lin", "bob": "Bob Okafor", "newcomer": "", "olga": "Olga Weiss"}
# How long the phases of a start took, in seconds.
PHASES = (("card", 0.4), ("disk", 1.2), ("setup", 3.1), ("desktop", 1.6))
# Name, status, minutes since it was launched.
SHOWN = (
    ("Night platform", "failed", 2900),
    ("Endpapers, set 2", "deleting", 1400),
    ("Summer poster", "stopped", 3000),
    ("Contact sheets", "stopping", 300),
    ("Old sketches", "queued", 4),
    ("Rainy crossing", "starting", 0.1),
    ("Ink studies", "running", 140),
)


def everything() -> dict[str, Desktop]:
    nudge.send = lambda _ids: None  # nothing moves while it is looked at
    people = {name: _person(name, title) for name, title in PEOPLE.items()}
    alice = Actor(user=people["alice"], tenant=people["alice"].personal_tenant, role="owner")
    team = tenants.create_team(alice, name="Studio North")
    Membership.objects.create(user=people["bob"], tenant=team, role=Role.ADMIN)
    tokens.issue(people["alice"], people["alice"].personal_tenant, "Nightly renders")
    send_mail(
        "Your code",
        "Your code is\n\n482913\n\nIt is good for 15 minutes.",
        None,
        ["alice@example.org"],
    )
    with transaction.atomic():
        return {status: _desktop(alice.tenant, *row) for row in SHOWN for status in [row[1]]}


def _person(name: str, title: str) -> User:
    email = f"{name}@example.org"
    staff = name == "olga"
    user = User.objects.create_user(
        email, PASSWORD, name=title, is_staff=staff, is_superuser=staff
    )
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    tenants.ensure_personal(user)
    return user


def _desktop(tenant: Tenant, name: str, status: str, minutes: float) -> Desktop:
    slug = "aigc-4090" if "4090" in name else "aigc-a4000"
    plan = next(plan for plan in offers.plans() if plan.slug == slug)
    setups = [
        setup.slug
        for setup in offers.setups()
        if presence.of(setup).here and offers.fits(plan, setup).ok
    ]
    spec = selling.sold(plan=slug, setup=setups[len(name) % len(setups)])
    if status == "stopped":
        spec = replace(spec, setup_version="0.1")  # a newer one is out since
    at = timezone.now() - timedelta(minutes=minutes)
    with _clock_at(at):
        desktop = desktops.launch(tenant_id=tenant.id, name=name, spec=spec)
    Desktop.objects.filter(id=desktop.id).update(created_at=at, wanted_at=at, look_after=None)
    desktop.refresh_from_db()
    _bring(desktop, status, at)
    Desktop.objects.filter(id=desktop.id).update(look_after=None)
    return Desktop.objects.get(id=desktop.id)


def _bring(desktop: Desktop, status: str, at: datetime) -> None:
    if status == "queued":
        with _clock_at(at):
            return observer.explain(desktop.id, cause="gpu_none_free", detail={})
    if status == "failed":
        see(
            desktop,
            Observed.FAILED,
            at + timedelta(seconds=8),
            cause="image_not_found",
            open_phase=2,
            detail={"log": "manifest unknown"},
        )
        Desktop.objects.filter(id=desktop.id).update(attempts=3, attempts_generation=1)
        return None
    see(
        desktop,
        Observed.PENDING,
        at + timedelta(milliseconds=200),
        open_phase=2 if status == "starting" else 0,
    )
    if status == "starting":
        return None
    see(desktop, Observed.READY, at + timedelta(seconds=6.4))
    later = at + (timezone.now() - at) * (0.9 if status == "stopped" else 1)
    with _clock_at(later):
        if status in ("stopping", "stopped"):
            desktops.stop(desktop.id)
        if status == "deleting":
            desktops.delete(desktop.id)
    if status == "stopped":
        see(desktop, Observed.ABSENT, later + timedelta(seconds=2))
    return None


def _clock_at(moment: datetime) -> Any:
    return patch("django.utils.timezone.now", lambda: moment)


def begin_again(desktop: Desktop) -> None:
    """Its start began a moment ago, and is in the middle of things."""
    now = timezone.now()
    began = now - timedelta(seconds=3.4)
    Desktop.objects.filter(id=desktop.id).update(wanted_at=began, created_at=began)
    desktop.refresh_from_db()
    see(desktop, Observed.PENDING, now, open_phase=2)


def see(
    desktop: Desktop, observed: Observed, at: datetime, *, open_phase: int = 9, **more: Any
) -> None:
    absent = observed == Observed.ABSENT
    observer.record(
        Observation(
            id=desktop.id,
            observed=observed,
            at=at,
            generation=None if absent else 1,
            endpoint="unix:/nowhere" if observed == Observed.READY else "",
            progress={} if absent else _progress(desktop.wanted_at, open_phase),
            limits=("memory", "network"),
            **more,
        )
    )


def _progress(begun: datetime, open_phase: int) -> dict[str, Any]:
    phases = []
    for n, (key, seconds) in enumerate(PHASES):
        if n > open_phase:
            break
        ended = begun + timedelta(seconds=seconds)
        phases.append(
            {
                "key": key,
                "started_at": begun.isoformat(),
                "ended_at": None if n == open_phase else ended.isoformat(),
            }
        )
        begun = ended
    return {"phases": phases}
