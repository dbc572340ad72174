"""Loads plans, setups and prices from their files.

A setup that is wrong is left out, and each gets a line that begins with "left out:".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from billing.errors import UnknownCurrency
from billing.pricing import publishing
from portal.catalog import loading
from portal.environment import ROOT

PLANS = ROOT / "portal" / "catalog" / "plans.toml"
IMAGES = ROOT / "images"


class NotLoaded(CommandError):
    """A file of the site's own is wrong, and everything is as it was."""

    def __init__(self, wrong: loading.CatalogError) -> None:
        super().__init__(str(wrong))
        self.wrong = wrong


class Command(BaseCommand):
    help = "Loads plans, setups and prices from their files; running it twice changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--plans", type=Path, default=PLANS, help="the plans file")
        parser.add_argument("--images", type=Path, default=IMAGES, help="folder of */setup.toml")
        parser.add_argument(
            "--setups",
            type=Path,
            default=settings.ATELIER.setups_folder,
            help="folder with creators' own */setup.toml; ATELIER_SETUPS_FOLDER unless given",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        plans: Path = options["plans"]
        try:
            catalogue = loading.read(plans=plans, images=options["images"], more=options["setups"])
            with transaction.atomic():
                loaded = loading.write(catalogue)
                before = publishing.current()
                book = publishing.publish(
                    currency=catalogue.plans.currency, prices=catalogue.prices
                )
        except loading.CatalogError as error:
            raise NotLoaded(error) from error
        except UnknownCurrency as error:
            raise NotLoaded(loading.CatalogError(plans, "currency", str(error))) from error
        news = [
            f"{word} {', '.join(slugs)}"
            for word, slugs in [
                ("added", loaded.added),
                ("changed", loaded.changed),
                ("withdrew", loaded.withdrawn),
            ]
            if slugs
        ]
        if before is None or before.version != book.version:
            news.append(f"published price book {book.version}")
        self.stdout.write("catalogue: " + ("; ".join(news) or "nothing changed"))
        for one in loaded.left_out:
            self.stderr.write(str(one))
