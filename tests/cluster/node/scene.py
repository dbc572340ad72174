"""What stands in the world: a control plane with one real node, and the platform on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from provisioner.drivers.base import DesktopSpec, GpuNeed
from provisioner.drivers.kubernetes import names
from provisioner.drivers.kubernetes.client import Client
from provisioner.drivers.kubernetes.driver import KubernetesDriver
from provisioner.drivers.kubernetes.manifests import Site
from tests.cluster import build, storage
from tests.cluster.chart import apply_accounts
from tests.cluster.control_plane import ControlPlane
from tests.cluster.node import passing, world
from tests.cluster.node.machine import RealNode
from tests.cluster.nodes import A4000
from tests.running import Platform, eventually

REGISTRY = "registry.test"
IMAGE = f"{REGISTRY}/blank:1.0"
PLANS = Path(__file__).with_name("plans.toml")
RELEASE, NAMESPACE = "atelier", "atelier-system"
CARD = GpuNeed(
    gpu_class="rtx-a4000",
    count=1,
    vram_mib=16384,
    node_labels=(("nvidia.com/gpu.product", A4000.product),),
)


@pytest.fixture(scope="session")
def node() -> Iterator[RealNode]:
    flags = ["--kubelet-preferred-address-types=InternalIP"]
    with ControlPlane(api_server_flags=flags) as plane:
        node = RealNode(plane, cgroup=world.inside())
        storage.start(plane, folder=node.disks)
        node.start(*map(Path, os.environ[passing.IMAGES].split(os.pathsep)))
        yield node


@pytest.fixture(scope="module")
def platform(node: RealNode) -> Iterator[Platform]:
    """As the chart would have it, but for its processes, which run beside the node."""
    apply_accounts(node.plane.kubeconfig, RELEASE, NAMESPACE)
    worker = node.plane.kubeconfig_for(NAMESPACE, f"{RELEASE}-worker")
    running = Platform(
        ATELIER_DRIVER="kubernetes",
        ATELIER_KUBECONFIG=str(worker),
        ATELIER_KUBE_PREFIX=RELEASE,
        ATELIER_KUBE_IMAGE_REGISTRY=REGISTRY,
        ATELIER_KUBE_GATEWAY_NAMESPACE=NAMESPACE,
        ATELIER_KUBE_WORKER_ACCOUNT=f"{NAMESPACE}/{RELEASE}-worker",
    )
    try:
        running.up()
        running.manage("load_catalog", "--plans", str(PLANS))
        yield running
    finally:
        running.end()


@dataclass
class Scene:
    """The driver alone, as an installation of its own beside the platform's."""

    node: RealNode
    driver: KubernetesDriver
    site: Site
    tenant: UUID

    def spec(self, **changes: Any) -> DesktopSpec:
        values: dict[str, Any] = {
            "id": uuid4(),
            "tenant": self.tenant,
            "generation": 1,
            "name": "Rainy crossing",
            "setup": "blank",
            "image": IMAGE,
            "cpu_millis": 500,
            "memory_mib": 1024,
            "disk_gib": 1,
            "secret": f"secret-{uuid4().hex}",
            "gpu": CARD,
        }
        return DesktopSpec(**(values | changes))

    def look(self, id: UUID) -> Any:
        [seen] = self.driver.observe([id], tenant=self.tenant)
        return seen

    def kubectl(self, *words: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *build.command("kubectl"),
                f"--kubeconfig={self.node.plane.kubeconfig}",
                f"--namespace={names.namespace(self.site.prefix, self.tenant)}",
                *words,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def within(self, id: UUID, script: str) -> str:
        """What a shell script says in this desktop."""
        done = self.kubectl("exec", names.pod(id), "--", "sh", "-c", script)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def said(self, id: UUID) -> str:
        """For a failing test to show."""
        logs = self.kubectl("logs", names.pod(id))
        return f"{self.look(id)}\n{logs.stdout}{logs.stderr}"


@pytest.fixture
def scene(node: RealNode) -> Iterator[Scene]:
    prefix = f"t{uuid4().hex[:8]}"
    home = f"{prefix}-system"
    apply_accounts(node.plane.kubeconfig, release=prefix, namespace=home)
    account = f"{prefix}-worker"
    site = Site(prefix=prefix, worker_account=(home, account), gateway_namespace=home)
    driver = KubernetesDriver(Client(node.plane.kubeconfig_for(home, account)), site)
    scene = Scene(node, driver, site, tenant=uuid4())
    yield scene
    for seen in driver.survey().seen:
        driver.erase(seen.id, tenant=scene.tenant)
    eventually(lambda: not driver.survey().seen, seconds=60, what="an empty cluster")
