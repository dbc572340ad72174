"""Celery: tidying up; nothing else."""

from __future__ import annotations

from celery import shared_task

from portal.access import sessions


@shared_task(name="portal.access.tasks.forget_old")
def forget_old() -> None:
    sessions.forget_old()
