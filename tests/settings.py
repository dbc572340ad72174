"""The portal's settings, on the tests' own servers."""

from __future__ import annotations

import os

from tests import servers

servers.environment()

from portal.settings import *  # noqa: E402, F403
from portal.settings import CACHES, DATABASES  # noqa: E402

# The ledgers of this platform refuse to be emptied; the tests' flush between two tests may.
DATABASES["default"]["OPTIONS"]["options"] = "-c atelier.truncate_allowed=yes"  # type: ignore[index]
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Workers of xdist share one Valkey, each in a database of its own.
_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
CACHES["default"]["LOCATION"] += f"?db={_number + 1}"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
