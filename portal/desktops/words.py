"""Small words that several pages about desktops share."""

from __future__ import annotations

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from provisioner.states import Status

STATUS = {
    Status.QUEUED: _("Queued"),
    Status.STARTING: _("Starting"),
    Status.RUNNING: _("Running"),
    Status.STOPPING: _("Stopping"),
    Status.STOPPED: _("Stopped"),
    Status.FAILED: _("Failed"),
    Status.DELETING: _("Deleting"),
    Status.DELETED: _("Deleted"),
}

# Limits that a machine could not set, as `Observation.limits` names them.
LIMITS = {
    "cpu": _("processor"),
    "memory": _("memory"),
    "processes": _("number of programs"),
    "disk": _("disk size"),
    "network": _("network"),
    "isolation": _("separation from other desktops"),
}
# Without these a desktop can reach into another one, or into this machine.
WALLS = {"isolation", "network"}


def by_language(english: str, chinese: str) -> str:
    """The one of two texts from the catalogue that the reader reads."""
    return chinese if (get_language() or "").startswith("zh") else english


def listed(words: list[str]) -> str:
    """`a, b and c` would need grammar; a list with commas needs none."""
    return by_language(", ", "、").join(words)


def sentence_space() -> str:
    """What stands between two sentences."""
    return by_language(" ", "")
