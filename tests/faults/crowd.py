"""What people do to very many desktops at once, in a process beside the platform's own.

Reads words from standard input, one a line (launch, stop, start, delete), does that to all of its
desktops, and prints the word and the ids once it is accepted. `Crowd` starts and asks it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from uuid import UUID

from tests.running import ROOT, Platform

TENANTS = 50


class Crowd:
    def __init__(self, platform: Platform, count: int) -> None:
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", __name__, str(count)],
            cwd=ROOT,
            env=platform.env | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def all(self, word: str) -> list[UUID]:
        """launch, stop, start, delete: every one of them; returns once all is accepted."""
        return [UUID(id) for id in self._ask(word)]

    def statuses(self) -> dict[str, int]:
        """How many are in which status."""
        return self._ask("statuses")

    def end(self) -> None:
        self._child.kill()
        self._child.wait(10)

    def _ask(self, word: str):
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        print(word, file=self._child.stdin, flush=True)
        line = self._child.stdout.readline()
        assert line, "the crowd's process ended"
        return json.loads(line)


def main(count: int) -> None:
    import django

    django.setup()

    from collections import Counter
    from dataclasses import replace

    from django.db import transaction

    from portal.accounts.models import Tenant
    from provisioner import desktops
    from provisioner.desktops import Desktop
    from tests.faults.scene import POD_SPEC

    spec = replace(
        POD_SPEC,
        gpu_class="rtx-a4000",
        gpu_title="RTX A4000",
        gpu_count=1,
        vram_mib=16384,
        gpu_node_labels={"nvidia.com/gpu.product": "NVIDIA-RTX-A4000"},
    )
    tenants = [Tenant.objects.create(name=f"Tenant {number}") for number in range(TENANTS)]
    ids: list[UUID] = []
    for line in sys.stdin:
        word = line.strip()
        if word == "statuses":
            rows = Desktop.objects.filter(id__in=ids).defer("spec", "progress")
            print(json.dumps(Counter(str(row.status) for row in rows)), flush=True)
            continue
        if word == "launch":
            for number in range(count):
                tenant = tenants[number % TENANTS].id
                made = desktops.launch(tenant_id=tenant, name=f"Desktop {number}", spec=spec)
                ids.append(made.id)
        else:
            for id in ids:
                with transaction.atomic():
                    getattr(desktops, word)(id)
        print(json.dumps([str(id) for id in ids]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
