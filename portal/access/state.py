"""What the bar over a desktop is told of it: only what is real; everything else is null.

Money and idleness are not counted yet. Their places are kept, so that the bar already knows what
to do with them; `notices` are words that it lays over the desktop.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import sessions, windows
from portal.access.hosts import Desk
from portal.accounts.permissions import may
from provisioner import desktops, files
from provisioner.states import Status


def of(whose: sessions.Whose) -> dict[str, Any] | None:
    """None when the desktop is gone, or belongs to somebody else by now."""
    session, actor = whose.session, whose.actor
    desktop = desktops.visible_to(actor.tenant.id).filter(id=session.desktop_id).first()
    if desktop is None:
        return None
    status, open = desktop.status, sessions.leads(session)
    returns = not open and status != Status.FAILED and sessions.is_of_its_launch(session)
    holder = windows.holder(session)
    since = desktop.observed_since if status == Status.RUNNING else None
    return {
        "name": desktop.name,
        "status": str(status),
        "open": open,  # whether this session leads to what runs, and not to an earlier launch
        "returns": returns,  # it died, is being brought back, and will be open here again
        # Whose window has the stream; who that is, if it is another person.
        "holder": holder
        and {
            "window": holder.window,
            "who": ""
            if holder.session.user_id == actor.user.pk
            else holder.session.user.get_short_name(),
        },
        "language": actor.user.language,
        "now": timezone.now().isoformat(),
        "since": since.isoformat() if since else None,
        "apps": [
            {"name": app["name"], "title": app["title"]} for app in desktop.spec.get("apps", ())
        ],
        "cost": None,  # {so_far, hour}: as they are shown, once something is charged
        "idle": None,  # {stops_at}, once a desktop stops by itself
        "may": {"stop": open and may(actor, "desktop.stop"), "extend": False},
        "notices": [],  # {key, text, until}
    }


def of_app(whose: sessions.Whose) -> dict[str, Any] | None:
    """For the panel over an app's page: whether it can go on, and why not. Nothing to press."""
    if whose.session.app == files.APP:
        return None
    seen = of(whose)
    if seen is None:
        return None
    told = ("name", "status", "open", "returns", "language", "now", "notices")
    return {key: seen[key] for key in told} | {"may": {"stop": False, "extend": False}}


def app_title(desk: Desk) -> str:
    """What an app is called, for whoever waits for it."""
    if desk.app == files.APP:
        return _("Your files")
    desktop = desktops.find(desk.id) if desk.app else None
    apps = desktop.spec.get("apps", ()) if desktop else ()
    return next((app["title"] for app in apps if app["name"] == desk.app), desk.app)
