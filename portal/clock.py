"""All periodic work in one table: task → seconds.

A periodic task is a row here, not a new place. Each must be harmless when it runs twice, late or
never on time: a message that waited longer than its own period is dropped, the next one does it.
"""

from __future__ import annotations

EVERY_S: dict[str, float] = {
    "provisioner.tasks.sweep": 2,  # desktops that are due
    "provisioner.tasks.survey": 15,  # everything that exists, orphans included
    "portal.access.tasks.forget_old": 3600,  # tickets and desktop sessions that ended
}

# What Celery's beat wants to read.
SCHEDULE = {
    task: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5)}}
    for task, seconds in EVERY_S.items()
}
