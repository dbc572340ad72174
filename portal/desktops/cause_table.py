"""The cause sentences, as data: a new cause is a row here.

`why` may hold values in braces; `plain` is said where one of them is not known. `retry` says
whether the same start, tried again, may end differently.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True)
class Row:
    headline: Words
    why: Words
    step: Words
    plain: Words = ""
    retry: bool = True


_AGAIN = _("Try again. Your disk is kept.")
_NOTHING = _("You need not do anything.")
_ANOTHER = _("Choose another plan or setup.")
_OPERATOR = _(
    "Try again. If it fails again, show the technical lines to the people who run this site."
)

GENERIC = Row(
    _("The desktop could not be started."),
    _("The machine answered with an error that we have no better words for."),
    _OPERATOR,
)

_NO_FETCH = _("The setup could not be fetched.")
_NO_DISK = _("Your disk could not be used.")
_NO_ANSWER = _("The desktop did not answer.")
_SLOW = _("Slower than usual.")

TABLE: dict[str, Row] = {
    "driver_error": GENERIC,
    "driver_unavailable": Row(
        _("The machines cannot be reached."),
        _("We cannot see the machines at the moment, so this page may be old."),
        _("We keep asking. You need not do anything."),
    ),
    "spec_rejected": Row(
        _("This desktop cannot be made as asked."),
        _("No machine takes this combination of plan and setup. Trying again will not help."),
        _ANOTHER,
        retry=False,
    ),
    "setup_not_here": Row(
        _("This setup is not on this site."),
        _("{setup} has to be brought here first by the people who run this site."),
        _ANOTHER,
        plain=_("It has to be brought here first by the people who run this site."),
        retry=False,
    ),
    "setup_failed": Row(
        _NO_FETCH,
        _(
            "Something that belongs to {setup} could not be fetched, or was not what it should "
            "be. What has arrived is kept for the next try."
        ),
        _OPERATOR,
        plain=_("Something that belongs to it could not be fetched."),
    ),
    "desktop_died": Row(
        _("The desktop ended by itself."),
        _("A program that it cannot do without stopped with an error. Your files are kept."),
        _OPERATOR,
    ),
    "desktop_start_timeout": Row(
        _NO_ANSWER,
        _("The desktop did not answer within {min} min. We started it once more."),
        _OPERATOR,
        _("The desktop did not answer in time. We started it once more."),
    ),
    "desktop_silent": Row(
        _("The desktop no longer answers."),
        _("It runs, but shows no picture. If it stays silent, we start it anew. Files are kept."),
        _("Wait a moment, or stop it and start it again."),
    ),
    "gpu_none_free": Row(
        _("Waiting for a graphics card."),
        _("All {n} {gpu} cards are rented. You are in place {p}, about {eta}."),
        _NOTHING,
        _("Nothing is free for this plan right now. You keep your place in the queue."),
    ),
    "gpu_claim": Row(
        _("A graphics card is free."),
        _("A card is free for you. It is held for {s} s."),
        _NOTHING,
        _("A card is free for you."),
    ),
    "gpu_claim_lapsed": Row(
        _("The card went to the next person."),
        _(
            "The card went to the next person, because nobody answered. "
            "Queue again to keep trying."
        ),
        _("Queue again."),
    ),
    "image_first_copy": Row(
        _SLOW,
        _(
            "This machine has not had {setup} before, so it is copying it. "
            "The next start here will be fast."
        ),
        _NOTHING,
    ),
    "image_not_found": Row(
        _NO_FETCH,
        _("{setup} {version} was not found in its store. The creator may have withdrawn it."),
        _("Choose another setup, or try again later."),
    ),
    "image_denied": Row(
        _NO_FETCH,
        _("The store of {setup} did not let us in. The people who run this site were told."),
        _("Choose another setup, or try again later."),
    ),
    "image_slow": Row(
        _SLOW,
        _("The network is slow: {speed} instead of {usual}."),
        _NOTHING,
        _("The network is slower than usual."),
    ),
    "image_no_space": Row(
        _NO_FETCH,
        _("The machine has no room left for {setup}. Trying another machine."),
        _AGAIN,
    ),
    "disk_attach_slow": Row(
        _SLOW,
        _("Your disk is still attached to the last machine. This clears within {min} min."),
        _NOTHING,
        _("Your disk is still attached to the last machine."),
    ),
    "disk_attach_failed": Row(
        _NO_DISK,
        _("Your disk could not be attached. Nothing on it was changed."),
        _OPERATOR,
    ),
    "disk_full": Row(
        _NO_DISK,
        _("The disk is full: {used} of {size}. Delete files or take a larger disk."),
        _AGAIN,
        _("The disk is full. Delete files or take a larger disk."),
    ),
    "webui_crash": Row(
        _("The WebUI ended with an error."),
        _("The WebUI ended with an error. The desktop still runs; its log is on the desk."),
        _("Open the desktop and read the log."),
    ),
    "vram_too_small": Row(
        _("This card is too small for the setup."),
        _("{setup} needs {need} of video memory. This card has {have}."),
        _("Choose a plan with more video memory."),
        _("The setup needs more video memory than this card has."),
        retry=False,
    ),
    "vram_no_card": Row(
        _("This plan has no graphics card."),
        _("{setup} needs {need} of video memory. This plan has no graphics card."),
        _("Choose a plan with a graphics card."),
        _("The setup needs a graphics card, and this plan has none."),
        retry=False,
    ),
    "vram_out": Row(
        _("The graphics card ran out of memory."),
        _(
            "The graphics card ran out of memory: {need} of {have}. "
            "Make the picture smaller, or take a larger plan."
        ),
        _AGAIN,
        _("The graphics card ran out of memory. Make the picture smaller, or take a larger plan."),
    ),
    "ram_out": Row(
        _("The desktop ran out of memory."),
        _("The desktop ran out of memory and {program} was closed."),
        _("Try again, or take a larger plan."),
        _("The desktop ran out of memory."),
    ),
    "gpu_lost": Row(
        _("The graphics card stopped answering."),
        _("The graphics card stopped answering at {time}. The meter stopped with it."),
        _AGAIN,
        _("The graphics card stopped answering. The meter stopped with it."),
    ),
    "node_lost": Row(
        _("The machine is silent."),
        _(
            "The machine has been silent since {time}. "
            "Your disk is safe; we start you elsewhere in {min} min."
        ),
        _NOTHING,
        _("The machine is silent. Your disk is safe."),
    ),
    "node_drain": Row(
        _("This machine is being serviced."),
        _(
            "This machine is being serviced at {time}. "
            "Stop before then, or we move you and keep the disk."
        ),
        _NOTHING,
        _("This machine is being serviced. Your disk is kept."),
    ),
    "node_refused": Row(
        _("The machine did not take the desktop."),
        _("The machine that was chosen could not take the desktop. We try another one."),
        _AGAIN,
    ),
    "evicted": Row(
        _("The machine ran short and closed the desktop."),
        _("The machine ran out of memory or room, and the desktop had to go. Your disk is kept."),
        _AGAIN,
    ),
    "scratch_full": Row(
        _("The desktop filled its scratch space."),
        _(
            "Too much was written outside the home folder, "
            "which only lasts while the desktop runs."
        ),
        _("Start it again, and keep large files in the home folder."),
    ),
    "preempted": Row(
        _("The desktop had to make room."),
        _("Something more urgent needed the machine. Your disk is kept, and we start you again."),
        _NOTHING,
    ),
    "machines_full": Row(
        _("Waiting for a machine."),
        _("Cards are free, but no machine has enough processor or memory left beside them."),
        _NOTHING,
    ),
    "desktop_crash_loop": Row(
        _("The desktop ends again and again."),
        _("It was started {n} times and ended by itself each time. Your files are kept."),
        _OPERATOR,
        _("It was started several times and ended by itself each time. Your files are kept."),
    ),
    "stopping_stuck": Row(
        _("The desktop takes long to stop."),
        _("The machine does not say that the desktop has ended. The meter has stopped."),
        _("You need not do anything. The people who run this site see it too."),
    ),
    "quota_exceeded": Row(
        _("A limit of this site is reached."),
        _("The cluster does not let your team have more than it has now."),
        _("Stop or delete a desktop, or ask the people who run this site for more."),
    ),
    "tenant_limit": Row(
        _("Waiting for one of your own desktops."),
        _("You run as many desktops as you may. This one starts when another one stops."),
        _("Stop one, or wait."),
    ),
    "quota_desktops": Row(
        _("Your limit of running desktops is reached."),
        _("You may run {n} desktops at a time, and {n} are running. Stop one first."),
        _("Stop one first."),
        _("You run as many desktops as you may. Stop one first."),
    ),
}
