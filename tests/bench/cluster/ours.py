"""The same load through the platform: real PostgreSQL, Valkey, web, worker and watch processes.

Launches are accepted in the bench's own process by the verbs that pages and API call
(`portal.desktops.actions`: permission, plan, row, audit, nudge), without HTTP around them. One
counts as accepted the moment its transaction is committed, before the worker is nudged.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from provisioner.drivers.kubernetes import names
from tests.bench import processes
from tests.bench.cluster.ears import ROW, TOLD, Ears
from tests.bench.cluster.measured import Load, spent
from tests.bench.cluster.scene import IMAGE_REGISTRY, NAMESPACE, QUOTA, RELEASE, WORKER, Scene
from tests.bench.cluster.watcher import GONE, READY
from tests.running import Platform

ACCEPTING_THREADS = 4
STUCK_S = 300
PLAN, SETUP = "aigc-a4000", "blank"
EMAIL = "bench@example.org"
OURS = ("worker", "watch")  # whose CPU counts as ours; everything else is listed beside it


class Ours:
    def __init__(self, scene: Scene, *, outstanding: int) -> None:

        self.scene, self.outstanding = scene, outstanding
        self.platform = Platform(
            ATELIER_DRIVER="kubernetes",
            ATELIER_KUBECONFIG=str(scene.kubeconfig),
            ATELIER_KUBE_PREFIX=RELEASE,
            ATELIER_KUBE_IMAGE_REGISTRY=IMAGE_REGISTRY,
            ATELIER_KUBE_GATEWAY_NAMESPACE=NAMESPACE,
            ATELIER_KUBE_WORKER_ACCOUNT=f"{NAMESPACE}/{WORKER}",
            ATELIER_KUBE_TENANT_QUOTA=json.dumps(QUOTA),
            ATELIER_TENANT_RUNNING_LIMIT="0",
        )
        self.actors: list[Any] = []

    def up(self) -> None:
        self.platform.up()
        environment = self.platform.env | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
        os.environ.update(environment)
        import django

        django.setup()

    def people(self, tenants: int) -> list[Any]:
        """Somebody who leads so many teams of their own: one actor for each."""
        from portal.accounts import tenants as teams
        from portal.accounts.models import User

        user, _made = User.objects.get_or_create(email=EMAIL)
        home = teams.actor_in(user, teams.ensure_personal(user).id)
        assert home is not None
        made = [teams.create_team(home, name=f"T {uuid.uuid4().hex[:12]}") for _ in range(tenants)]
        found = [teams.actor_in(user, team.id) for team in made]
        self.actors += found
        return found

    def browsers(self, actors: list[Any]) -> Ears:
        """Somebody looks at the list of each of these tenants."""
        from django.conf import settings
        from django.db import connection
        from django.test import Client

        from portal.accounts.middleware import SESSION_KEY

        cookies = []
        for actor in actors:
            client = Client()
            client.force_login(actor.user)
            session = client.session
            session[SESSION_KEY] = str(actor.tenant.id)
            session.save()
            cookies.append({settings.SESSION_COOKIE_NAME: session.session_key})
        url = f"{self.platform.url}/desktops/events/"
        where = connection.settings_dict
        database = f"host={where['HOST']} dbname={where['NAME']} user={where['USER']}"
        return Ears(database=database, url=url, cookies=cookies)

    def pids(self) -> dict[str, int]:
        return self.platform.pids()

    def cpu_s(self, pids: dict[str, int]) -> dict[str, float]:
        ours = {name: processes.cpu_s(pid) for name, pid in pids.items() if name != "supervisor"}
        return ours | self.scene.cpu_s() | {"accepting": time.process_time()}

    # --- Loads -----------------------------------------------------------------------------------

    def launch(self, actors: list[Any], count: int) -> tuple[dict[UUID, Any], Load]:
        """So many first launches, spread over the tenants; whose each is."""
        from portal.desktops import actions

        made: dict[UUID, Any] = {}

        def first(number: int) -> UUID:
            actor = actors[number % len(actors)]
            name = f"Desk {uuid.uuid4().hex[:12]}"
            desktop = actions.launch(actor, plan=PLAN, setup=SETUP, name=name)
            made[desktop.id] = actor
            return desktop.id

        load = self._load([lambda number=number: first(number) for number in range(count)])
        return made, load

    def start(self, desktops: dict[UUID, Any], *, outstanding: int | None = None) -> Load:
        """A new launch of each, on the disk it has; `desktops` says whose each is."""
        from portal.desktops import actions

        def again(id: UUID, actor: Any) -> UUID:
            actions.start(actor, id)
            return id

        works = [lambda id=id, actor=actor: again(id, actor) for id, actor in desktops.items()]
        return self._load(works, outstanding=outstanding)

    def stop(self, desktops: dict[UUID, Any], load: Load | None = None) -> None:
        """All of them; from the first wish to the last pod that is gone."""
        from portal.desktops import actions

        def end(id: UUID, actor: Any) -> UUID:
            actions.stop(actor, id)
            return id

        works = [lambda id=id, actor=actor: end(id, actor) for id, actor in desktops.items()]
        began_s = time.monotonic()
        self._accept(works, awaited=GONE, outstanding=self.outstanding)
        gone = self.scene.watcher.seen[GONE]
        if load is not None:
            last_s = max(gone[names.pod(id)] for id in desktops)
            load.stops_per_s = len(desktops) / (last_s - began_s)

    def _load(self, works: list[Callable[[], UUID]], *, outstanding: int | None = None) -> Load:
        pids = self.pids()
        before = self.cpu_s(pids)
        load = Load(accepted=self._accept(works, READY, outstanding or self.outstanding))
        load.cpu_s = spent(before, self.cpu_s(pids))
        load.take_from(self.scene.watcher)
        return load

    def _accept(
        self, works: list[Callable[[], UUID]], awaited: str, outstanding: int
    ) -> dict[str, float]:
        """When each was accepted, by pod; returns once the watcher saw all of them as awaited."""
        places = threading.Semaphore(outstanding)
        left: queue.SimpleQueue[Callable[[], UUID] | None] = queue.SimpleQueue()
        for work in [*works, *[None] * ACCEPTING_THREADS]:
            left.put(work)
        accepted: dict[str, float] = {}
        troubles: list[BaseException] = []
        self.scene.watcher.forget(lambda what, _pod: what == awaited and places.release())

        def accept() -> None:
            from django.db import connection

            try:
                while (work := left.get()) is not None and not troubles:
                    if not places.acquire(timeout=STUCK_S):
                        raise TimeoutError(f"nothing more became {awaited}")
                    pod, at_s = _accepted(work)
                    accepted[pod] = at_s
            except BaseException as trouble:
                troubles.append(trouble)
            finally:
                connection.close()

        threads = [threading.Thread(target=accept) for _ in range(ACCEPTING_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if troubles:
            raise troubles[0]
        self.scene.watcher.wait(awaited, accepted, seconds=STUCK_S)
        return accepted

    # --- What became of them ---------------------------------------------------------------------

    def statuses(self) -> dict[str, int]:
        """How many desktops are in which status."""
        from provisioner.desktops import Desktop

        rows = Desktop.objects.filter(erased_at=None).defer("spec", "progress")
        return dict(Counter(str(row.status) for row in rows))

    def resting(self, desktops: dict[UUID, Any]) -> bool:
        """Whether none of these has a pod that its row knows of."""
        from provisioner.desktops import Desktop

        return (
            not Desktop.objects.filter(id__in=list(desktops)).exclude(observed="absent").exists()
        )

    def count(self) -> int:
        from provisioner.desktops import Desktop

        return Desktop.objects.filter(erased_at=None).count()

    def which_run(self, desktops: dict[UUID, Any]) -> dict[UUID, Any]:
        """Those of them that somebody wants to run."""
        from provisioner.desktops import Desktop

        rows = Desktop.objects.filter(id__in=list(desktops), desired="running")
        return {id: desktops[id] for id in rows.values_list("id", flat=True)}

    def running_of(self, ids: list[UUID]) -> int:
        """How many of these run, as people see it."""
        from provisioner.desktops import Desktop

        rows = Desktop.objects.filter(id__in=ids).defer("spec", "progress")
        return sum(str(row.status) == "running" for row in rows)

    def told(self, desktops: dict[UUID, Any], load: Load, ears: Ears) -> None:
        """From a pod that is ready to the commit of its row, and to the page that says so.

        The row's commit is the first notification of that desktop after the moment at which the
        transition to "running" was written, within the same transaction.
        """
        from provisioner.models import Transition

        # One machine, two clocks: what one says now, the other says too.
        apart_s = time.time() - time.monotonic()
        rows = Transition.objects.filter(status="running", desktop__in=list(desktops))
        written = dict(rows.order_by("id").values_list("desktop_id", "written_at"))
        for id, at in written.items():
            ready_s = load.ready[names.pod(id)]
            written_s = at.timestamp() - apart_s
            notes = [each for each in ears.heard[ROW][str(id)] if each > written_s]
            pages = [each for each in ears.heard[TOLD][str(id)] if each > written_s]
            # The watcher may hear of it a little later than the platform does.
            if notes:
                load.ready_to_row_s.append(max(0.0, min(notes) - ready_s))
            if pages:
                load.ready_to_browser_s.append(max(0.0, min(pages) - ready_s))


def _accepted(work: Callable[[], UUID]) -> tuple[str, float]:
    from django.db import transaction

    moments: list[float] = []
    with transaction.atomic():
        # Registered first, so called first: after the commit and before the nudge.
        transaction.on_commit(lambda: moments.append(time.monotonic()))
        id = work()
    return names.pod(id), moments[0]
