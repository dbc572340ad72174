"""The floor: the same objects, posted by a bare asyncio loop with nothing behind it.

Same account, same namespaces with the same quota and policies, same order (disk, pod, secret that
the pod owns), the platform's own manifests; no database, no queue, nobody who could be told.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import yaml

from provisioner.drivers.base import DesktopSpec, GpuNeed
from provisioner.drivers.kubernetes import manifests, names
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.rooms import Rooms
from tests.bench.cluster.measured import Load, spent
from tests.bench.cluster.scene import IMAGE_REGISTRY, SITE, Scene
from tests.bench.cluster.watcher import GONE, READY
from tests.cluster.api import named, pem_in

CONNECTIONS = 16  # more are slower: the API server has two cores
STUCK_S = 300


@dataclass(frozen=True)
class Mode:
    claim: bool = False  # a new disk with every launch
    bare: bool = False  # the pod alone: no disk, no secret


FIRST, START, POD_ONLY = Mode(claim=True), Mode(), Mode(bare=True)


class Floor:
    def __init__(self, scene: Scene, *, outstanding: int) -> None:
        self.scene, self.outstanding = scene, outstanding
        self._rooms = Rooms(Client(scene.kubeconfig), SITE)

    def desks(self, count: int, *, tenants: int) -> list[DesktopSpec]:
        """Desktops that have never been, spread over tenants whose namespaces are made here."""
        found = [uuid.uuid4() for _ in range(tenants)]
        for tenant in found:
            self._rooms.make_sure(tenant)
        return [_spec(found[number % tenants]) for number in range(count)]

    def launch(
        self, desks: list[DesktopSpec], mode: Mode, *, outstanding: int | None = None
    ) -> Load:
        """All of them; not more than so many at a time are accepted and not yet ready."""
        load = Load()
        before = self.scene.cpu_s() | {"loop": time.process_time()}
        asyncio.run(self._launch(desks, mode, load, outstanding or self.outstanding))
        load.cpu_s = spent(before, self.scene.cpu_s() | {"loop": time.process_time()})
        load.take_from(self.scene.watcher)
        return load

    def stop(self, desks: list[DesktopSpec], load: Load) -> None:
        """Every pod away; so many a second go to the load."""
        began_s = time.monotonic()
        asyncio.run(self._stop(desks))
        gone = self.scene.watcher.seen[GONE]
        load.stops_per_s = len(desks) / (max(gone[names.pod(desk.id)] for desk in desks) - began_s)

    # --- Within the loop -------------------------------------------------------------------------

    async def _launch(
        self, desks: list[DesktopSpec], mode: Mode, load: Load, outstanding: int
    ) -> None:
        async with self._session() as session:
            places = asyncio.Semaphore(outstanding)
            seen = self._events(READY)

            async def one(desk: DesktopSpec) -> None:
                pod = names.pod(desk.id)
                load.accepted[pod] = time.monotonic()
                await _post(session, desk, mode)
                async with asyncio.timeout(STUCK_S):
                    await seen(pod)

            await _all([lambda desk=desk: one(desk) for desk in desks], places)

    async def _stop(self, desks: list[DesktopSpec]) -> None:
        async with self._session() as session:
            places = asyncio.Semaphore(self.outstanding)
            seen = self._events(GONE)

            async def one(desk: DesktopSpec) -> None:
                pod = names.pod(desk.id)
                path = f"{_namespace(desk)}/pods/{pod}"
                async with session.delete(path) as answer:
                    await answer.read()
                    answer.raise_for_status()
                async with asyncio.timeout(STUCK_S):
                    await seen(pod)

            await _all([lambda desk=desk: one(desk) for desk in desks], places)

    def _events(self, awaited: str) -> Callable[[str], Awaitable[Any]]:
        """A function that waits until the watcher saw a pod so."""
        loop = asyncio.get_running_loop()
        events: dict[str, asyncio.Event] = {}

        def tell(what: str, pod: str) -> None:
            if what == awaited:
                loop.call_soon_threadsafe(_event(pod).set)

        def _event(pod: str) -> asyncio.Event:
            return events.setdefault(pod, asyncio.Event())

        self.scene.watcher.forget(tell)
        return lambda pod: _event(pod).wait()

    def _session(self) -> aiohttp.ClientSession:
        server, token, trust = _access(self.scene.kubeconfig)
        return aiohttp.ClientSession(
            base_url=server,
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trust),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )


async def _all(works: list[Callable[[], Awaitable[None]]], places: asyncio.Semaphore) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            await places.acquire()
            task = group.create_task(work())  # type: ignore[arg-type]
            task.add_done_callback(lambda _task: places.release())


async def _post(session: aiohttp.ClientSession, desk: DesktopSpec, mode: Mode) -> None:
    namespace = _namespace(desk)
    if mode.claim:
        claim = manifests.claim(SITE, desk)
        await _create(session, f"{namespace}/persistentvolumeclaims", claim)
    pod = manifests.pod(SITE, desk)
    if mode.bare:
        volumes = pod["spec"]["volumes"]
        pod["spec"]["volumes"] = [
            {"name": one["name"], "emptyDir": one.get("emptyDir", {})} for one in volumes
        ]
    made = await _create(session, f"{namespace}/pods", pod)
    if mode.bare:
        return
    secret = manifests.secret(SITE, desk)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"]}
    owner |= {"uid": made["metadata"]["uid"], "blockOwnerDeletion": False}
    secret["metadata"]["ownerReferences"] = [owner]
    await _create(session, f"{namespace}/secrets", secret)


async def _create(session: aiohttp.ClientSession, path: str, thing: dict[str, Any]) -> Any:
    while True:
        async with session.post(path, data=orjson.dumps(thing)) as answer:
            body = orjson.loads(await answer.read())
            if answer.status == 409 and body.get("reason") == "Conflict":
                continue  # two writers of one quota met
            if answer.status >= 300:
                raise RuntimeError(f"POST {path}: {body}")
            return body


def again(desks: list[DesktopSpec]) -> list[DesktopSpec]:
    """The next launch of each."""
    return [replace(desk, generation=desk.generation + 1) for desk in desks]


def _namespace(desk: DesktopSpec) -> str:
    return f"/api/v1/namespaces/{names.namespace(SITE.prefix, desk.tenant)}"


def _spec(tenant: UUID) -> DesktopSpec:
    labels = (("nvidia.com/gpu.product", "NVIDIA-RTX-A4000"),)
    return DesktopSpec(
        id=uuid.uuid4(),
        tenant=tenant,
        generation=1,
        name="Floor",
        setup="blank",
        image=f"{IMAGE_REGISTRY}/blank:1.0",
        cpu_millis=16000,
        memory_mib=32768,
        disk_gib=300,
        secret="s" * 43,
        gpu=GpuNeed(gpu_class="rtx-a4000", count=1, vram_mib=16384, node_labels=labels),
    )


def _access(kubeconfig: Path) -> tuple[str, str, ssl.SSLContext]:
    document = yaml.safe_load(kubeconfig.read_text())
    context = named(document["contexts"], document["current-context"])["context"]
    cluster = named(document["clusters"], context["cluster"])["cluster"]
    user = named(document["users"], context["user"])["user"]
    authority = pem_in(cluster, "certificate-authority") or b""
    trust = ssl.create_default_context(cadata=authority.decode())
    return cluster["server"].rstrip("/"), user["token"], trust
