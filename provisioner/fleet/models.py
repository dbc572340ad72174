"""Machines that desktops can run on, as the eye last saw them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Node(models.Model):
    """One machine. Written by `census`; gone machines keep no row.

    `capacity`, `allocatable` and `taken` map a resource's name to an integer: see
    `drivers.base.Machine`.
    """

    name = models.CharField(max_length=253, primary_key=True)
    ready = models.BooleanField(help_text="Answers, and accepts new desktops.")
    labels = models.JSONField(default=dict)
    capacity = models.JSONField(default=dict)
    allocatable = models.JSONField(default=dict)
    taken = models.JSONField(default=dict, help_text="What others than desktops hold.")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
