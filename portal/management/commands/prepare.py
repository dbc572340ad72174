"""Everything the database needs before the platform runs, in one start of Django."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import connections


class Command(BaseCommand):
    help = "Create the database, migrate, load the catalogue, make the demo people."
    requires_system_checks = []  # they load every page; web will, and faster without

    def handle(self, *_: Any, **__: Any) -> None:
        _create_database()
        call_command("migrate", interactive=False, verbosity=1)
        if "load_catalog" in get_commands():
            call_command("load_catalog")
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
