"""Statements that run for every event: bound and prepared by the server, without the ORM's upkeep.

The ORM costs about half a millisecond to put a statement together, and quotes arrays by itself;
where a thousand desktops move at once, that is most of the work. They run on Django's connection
and in its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def run(statement: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
    """Execute it; the cursor has its rows, and `rowcount`. Django's database errors."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor: psycopg.Cursor[Any] = psycopg.Cursor(connection.connection)
        cursor.execute(statement, values, prepare=True)
    return cursor
