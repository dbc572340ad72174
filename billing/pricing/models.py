"""Price books. Published once, never changed: a trigger refuses UPDATE and DELETE."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class PriceBook(models.Model):
    """One published version of all prices, in one currency."""

    version = models.PositiveIntegerField(unique=True)
    currency = models.CharField(max_length=3)  # ISO 4217
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"price book {self.version} ({self.currency})"


class PlanPrice(models.Model):
    """What one plan costs, in micro-units of the book's currency (1 yuan = 1,000,000)."""

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="prices")
    plan = models.SlugField(max_length=40)  # catalogue slug; no foreign key upwards
    running_micros_per_hour = models.PositiveBigIntegerField()
    disk_micros_per_hour = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "plan"], name="plan_price_once_a_book"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}: {self.running_micros_per_hour}/h"
