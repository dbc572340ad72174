"""Ends every desktop on this machine and keeps their homes: `python -m …stop_all`.

Run by whoever shuts the platform down. What is wanted stays as it is, so the next start of the
platform brings the desktops back with their files. Needs no database.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from provisioner.drivers.local.driver import LocalDriver
from provisioner.errors import DriverError


def main() -> int:
    data = Path(os.environ.get("ATELIER_DATA", ".data")).resolve()
    plain = os.environ.get("ATELIER_LOCAL_SANDBOX") == "none"
    driver = LocalDriver(data=data, slots=1, env=Path("/nowhere"), plain=plain)
    ids = [folder.id for folder in driver.cabinet.folders() if folder.state() is not None]

    def end(id: UUID) -> str:
        try:
            driver.stop(id)
        except DriverError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(max_workers=8) as pool:
        problems = [problem for problem in pool.map(end, ids) if problem]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(f"desktops: {len(ids) - len(problems)} of {len(ids)} ended, files kept\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
