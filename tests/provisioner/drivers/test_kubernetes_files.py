"""Files of a desktop that rests, on a real API server: a pod beside which no desktop can start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from provisioner.drivers.base import FILES, DesktopSpec
from provisioner.drivers.kubernetes import manifests, names, resting
from provisioner.errors import DriverError
from provisioner.states import Observed
from tests.cluster.access import Cluster
from tests.provisioner.drivers.contract import a_spec, look
from tests.provisioner.drivers.kubernetes_world import KubernetesWorld
from tests.running import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def world(
    cluster: Cluster, cards: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesWorld]:
    monkeypatch.setattr(manifests, "STOP_S", 1)
    monkeypatch.setattr(resting, "STOP_S", 1)
    world = KubernetesWorld(cluster)
    yield world
    world.end()


@pytest.fixture
def spec(world: KubernetesWorld) -> DesktopSpec:
    """Of a desktop that ran once and rests now."""
    spec = a_spec()
    world.driver.start(spec)
    world.becomes_ready(spec.id)
    world.driver.stop(spec.id, tenant=spec.tenant)
    gone(world, spec)
    return spec


def gone(world: KubernetesWorld, spec: DesktopSpec) -> None:
    absent = lambda: look(world.driver, spec.id).observed == Observed.ABSENT  # noqa: E731
    eventually(absent, seconds=30, what="its end")


def pods(world: KubernetesWorld) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{world.namespace}/pods"
    return list(world.cluster.api.get(path)["items"])


def secrets(world: KubernetesWorld) -> list[str]:
    path = f"/api/v1/namespaces/{world.namespace}/secrets"
    return [one["metadata"]["name"] for one in world.cluster.api.get(path)["items"]]


def test_it_shows_them_without_a_card_and_without_being_a_desktop(
    world: KubernetesWorld, spec: DesktopSpec
) -> None:
    endpoint = world.driver.open_files(spec)
    assert endpoint.endswith(f":{FILES.port}")
    [pod] = pods(world)
    assert pod["metadata"]["name"] == names.pod(spec.id)
    [container] = pod["spec"]["containers"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    assert pod["spec"].get("nodeSelector") is None
    [mounted] = [one for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one]
    assert mounted["persistentVolumeClaim"]["claimName"] == names.claim(spec.id)
    assert look(world.driver, spec.id).observed == Observed.ABSENT
    assert spec.id not in {seen.id for seen in world.driver.survey().seen}
    assert len(secrets(world)) == 1


def test_asked_twice_it_is_the_same_one(world: KubernetesWorld, spec: DesktopSpec) -> None:
    first = world.driver.open_files(spec)
    uid = pods(world)[0]["metadata"]["uid"]
    assert world.restarted().open_files(spec) == first
    assert [pod["metadata"]["uid"] for pod in pods(world)] == [uid]


def test_a_start_ends_it_and_has_the_disk_alone(world: KubernetesWorld, spec: DesktopSpec) -> None:
    world.driver.open_files(spec)
    again = replace(spec, generation=spec.generation + 1)
    world.driver.start(again)
    world.becomes_ready(spec.id)
    [pod] = pods(world)
    assert names.FILES not in pod["metadata"]["labels"]
    assert look(world.driver, spec.id).generation == again.generation
    assert world.driver.open_files(again) == "", "a running desktop shows them itself"
    secret = names.secret(spec.id, again.generation)
    eventually(lambda: secrets(world) == [secret], seconds=30, what="only its own secret")


def test_a_new_rest_has_a_secret_of_its_own(world: KubernetesWorld, spec: DesktopSpec) -> None:
    world.driver.open_files(spec)
    later = replace(spec, generation=spec.generation + 1, secret="another")
    assert world.driver.open_files(later)
    [pod] = pods(world)
    assert pod["metadata"]["labels"][names.GENERATION] == str(later.generation)


def test_erasing_takes_it_along(world: KubernetesWorld, spec: DesktopSpec) -> None:
    world.driver.open_files(spec)
    world.driver.erase(spec.id, tenant=spec.tenant)
    eventually(lambda: not pods(world) and not world.has_disk(spec.id), seconds=30, what="nothing")


def test_one_that_has_ended_is_cleared_away_and_made_anew(
    world: KubernetesWorld, spec: DesktopSpec
) -> None:
    world.driver.open_files(spec)
    ended(world)
    assert world.driver.open_files(spec)
    ended(world)
    world.driver.survey()
    eventually(lambda: not pods(world), seconds=30, what="an empty room")


def ended(world: KubernetesWorld) -> None:
    """As kubelet says it when the server has ended by itself."""
    [pod] = pods(world)
    path = f"/api/v1/namespaces/{world.namespace}/pods/{pod['metadata']['name']}/status"
    world.cluster.api.patch(path, {"status": {"phase": "Succeeded"}})


def test_there_is_nothing_to_show_before_there_is_a_disk(world: KubernetesWorld) -> None:
    with pytest.raises(DriverError) as no:
        world.driver.open_files(a_spec())
    assert no.value.cause == "files_no_disk"
