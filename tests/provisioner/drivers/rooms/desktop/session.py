"""Stands in for the real session in tests of the driver: ready at once, and does as it is told.

It takes orders from files in the home: `orders.sh` is run once, as the desktop's own user.
"""

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

run, home = Path(os.environ["DESK_RUN"]), Path(os.environ["HOME"])
os.umask(0o007)
if (home / "orders.sh").exists():
    subprocess.Popen(["/bin/sh", str(home / "orders.sh")], cwd=home)
now = datetime.now(UTC).isoformat()
phases = [
    {"key": "setup", "started_at": now, "ended_at": now},
    {"key": "desktop", "started_at": now, "ended_at": now},
]
draft = run / "progress.json.new"
draft.write_text(json.dumps({"phases": phases, "ready": not (home / "slow").exists()}))
draft.rename(run / "progress.json")
print("this is the last it said", flush=True)
while not (home / "end").exists():
    time.sleep(0.02)
raise SystemExit(7)
