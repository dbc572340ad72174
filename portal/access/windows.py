"""Which window has a desktop's stream: the one that was opened last, or asked for it last.

A window takes the stream when it is opened (so does a reload: that is a new window), and its
button "Use it here" opens it anew. Nothing else takes it: a window that lost it does not get it
back by reconnecting, whoever else is still there, so two windows never take turns by themselves.

It is a row here, and not the memory of a gateway, because a site has several of those: each hears
of it with its next look at what it has open.

What the gateway can tell apart on a socket is the session alone. Windows of one session (tabs of
one browser) sort it out among themselves, each asking with its own name whether it still holds.

Sessions that only watch may come later: they take nothing, and `superseded` leaves them out.
"""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from portal.access.models import DesktopSession, StreamHolder


def take(session: DesktopSession, window: str) -> None:
    """The stream is this window's from now on."""
    StreamHolder.objects.bulk_create(
        [
            StreamHolder(
                desktop_id=session.desktop_id,
                window=window,
                session=session,
                taken_at=timezone.now(),
            )
        ],
        update_conflicts=True,
        unique_fields=["desktop_id"],
        update_fields=["window", "session", "taken_at"],
    )


def holder(session: DesktopSession) -> StreamHolder | None:
    """Who has the stream that this session may see; None where nobody took it yet."""
    rows = StreamHolder.objects.select_related("session__user")
    return rows.filter(desktop_id=session.desktop_id).first()


def superseded(sessions: Collection[DesktopSession]) -> set[str]:
    """Hashes of those whose stream another session's window took since they were let in."""
    streams = [one for one in sessions if not one.app]
    holders = StreamHolder.objects.in_bulk({one.desktop_id for one in streams}) if streams else {}
    return {
        one.hash
        for one in streams
        if (known := holders.get(one.desktop_id)) is not None
        # Who was let in since is on the way to open a window.
        and known.session_id != one.id
        and one.created_at <= known.taken_at
    }
