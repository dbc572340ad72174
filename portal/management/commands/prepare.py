"""Everything the database needs before the platform runs, in one start of Django.

A plans file that is wrong is an error, and changes nothing. On a cluster that ends the upgrade,
and what runs there runs on. `./dev up` has nothing that runs on: with --as-it-was the platform
comes up with what was loaded last, if there is anything, and says so.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from portal.catalog import offers, troubles
from portal.management.commands.load_catalog import NotLoaded

AS_IT_WAS = (
    "left out: so nothing of the catalogue was loaded; plans, prices and setups are as they were"
)


class Command(BaseCommand):
    help = "Create the database, migrate, load the catalogue, make the demo people."
    requires_system_checks = []  # they load every page; web will, and faster without

    def add_arguments(self, parser: CommandParser) -> None:
        help = "where the catalogue cannot be loaded, go on with what was loaded last"
        parser.add_argument("--as-it-was", action="store_true", help=help)

    def handle(self, *_: Any, **options: Any) -> None:
        _create_database()
        call_command("migrate", interactive=False, verbosity=1)
        try:
            call_command("load_catalog", stderr=self.stderr)
        except NotLoaded as error:
            if not options["as_it_was"] or not offers.plans():
                raise
            troubles.note(error.wrong)
            self.stderr.write(f"left out: {error}")
            self.stderr.write(AS_IT_WAS)
        if settings.MAILBOX:
            call_command("seed_demo")


def _create_database() -> None:
    """In a fresh cluster of our own; a database given by DATABASE_URL is there already."""
    import psycopg

    wanted = connections["default"].settings_dict
    params = connections["default"].get_connection_params() | {"dbname": "postgres"}
    params = {key: value for key, value in params.items() if key in _NEEDED}
    try:
        with psycopg.connect(**params, autocommit=True) as connection:
            found = connection.execute(
                "select 1 from pg_database where datname = %s", [wanted["NAME"]]
            ).fetchone()
            if not found:
                name = psycopg.sql.Identifier(wanted["NAME"])
                connection.execute(psycopg.sql.SQL("create database {}").format(name))
    except psycopg.Error:
        return  # no such right, or no such database: `migrate` says it better


_NEEDED = {"host", "port", "user", "password", "dbname"}
