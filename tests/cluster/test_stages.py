"""Fake pods live and fail in the words of real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import kwok
from tests.cluster.access import Cluster
from tests.cluster.nodes import A4000, L4
from tests.cluster.pods import Bench
from tests.running import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[Bench]:
    bench = Bench(cluster)
    yield bench
    kwok.revive(cluster)
    bench.end()


def failing(bench: Bench, what: str) -> str:
    bench.pod(what, image=f"registry.test/desk:fails-{what}", product=L4.product, gpus=1)
    return what


def test_a_pod_becomes_ready_with_an_address_of_its_own(bench: Bench) -> None:
    for name in ("one", "two"):
        bench.pod(name)
        eventually(lambda n=name: bench.ready(n))
    addresses = {bench.status(name)["podIP"] for name in ("one", "two")}
    assert len(addresses) == 2
    assert all(address.startswith("127.") for address in addresses), "they must lead nowhere"
    bench.delete("one")
    eventually(lambda: bench.find("one") is None)
    assert bench.find("two")


@pytest.mark.parametrize("how", ["image", "annotation"])
def test_how_long_a_start_takes_can_be_chosen(bench: Bench, how: str) -> None:
    """The slow one is ready after one that was asked for later."""
    if how == "image":
        bench.pod("slow", image="registry.test/desk:slow-1500ms")
    else:
        bench.pod("slow", annotations={"test.atelier.dev/delay": "1500ms"})
    bench.pod("quick")
    eventually(lambda: bench.ready("quick"))
    assert not bench.ready("slow")
    eventually(lambda: bench.ready("slow"))


def test_an_image_that_cannot_be_had(bench: Bench) -> None:
    pod = failing(bench, "image-pull")
    waiting = eventually(lambda: bench.state(pod).get("waiting"))
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    eventually(lambda: bench.state(pod)["waiting"]["reason"] == "ImagePullBackOff")
    assert "failed to resolve reference" in bench.state(pod)["waiting"]["message"]
    assert bench.status(pod)["phase"] == "Pending"
    eventually(lambda: {"Failed", "BackOff"} <= bench.events(pod))


def test_a_container_that_crashes_for_ever(bench: Bench) -> None:
    pod = failing(bench, "crash-loop")
    waiting = eventually(lambda: bench.state(pod).get("waiting"))
    assert waiting["reason"] == "CrashLoopBackOff"
    assert bench.status(pod)["containerStatuses"][0]["restartCount"] == 3
    assert not bench.ready(pod)


@pytest.mark.parametrize(
    ("what", "phase", "exit_code", "container_reason", "reason", "message"),
    [
        ("crash", "Failed", 1, "Error", None, None),
        ("ended", "Succeeded", 0, "Completed", None, None),
        ("oom", "Failed", 137, "OOMKilled", None, None),
        ("evicted", "Failed", 137, "Error", "Evicted", "The node was low on resource"),
        ("evicted-disk", "Failed", 137, "Error", "Evicted", "Pod ephemeral local storage usage"),
        ("shutdown", "Failed", 137, "Error", "Terminated", "imminent node shutdown"),
    ],
)
def test_a_pod_that_ends(
    bench: Bench,
    what: str,
    phase: str,
    exit_code: int,
    container_reason: str,
    reason: str | None,
    message: str | None,
) -> None:
    pod = failing(bench, what)
    ended = eventually(lambda: bench.state(pod).get("terminated"))
    assert (ended["exitCode"], ended["reason"]) == (exit_code, container_reason)
    status = bench.status(pod)
    assert (status["phase"], status.get("reason")) == (phase, reason)
    assert (message or "") in status.get("message", "")
    assert not bench.ready(pod)
    assert bool(bench.condition(pod, "DisruptionTarget")) == (what in ("evicted", "shutdown"))
    bench.delete(pod)
    eventually(lambda: bench.find(pod) is None)


def test_a_running_pod_can_be_made_to_fail(bench: Bench) -> None:
    bench.pod("desk")
    eventually(lambda: bench.ready("desk"))
    mark = {"metadata": {"annotations": {"test.atelier.dev/fails": "oom"}}}
    bench.api.patch(f"{bench.path}/pods/desk", mark)
    ended = eventually(lambda: bench.state("desk").get("terminated"))
    assert ended["reason"] == "OOMKilled"


def test_a_node_refuses_a_pod_it_was_given(bench: Bench) -> None:
    pod = failing(bench, "admission")
    eventually(lambda: bench.status(pod).get("phase") == "Failed")
    assert bench.status(pod)["reason"] == "UnexpectedAdmissionError"
    assert "nvidia.com/gpu" in bench.status(pod)["message"]
    assert not bench.state(pod)


def test_a_pod_is_preempted(bench: Bench, cluster: Cluster) -> None:
    reasons: list[str] = []
    version = bench.api.get(f"{bench.path}/pods")["metadata"]["resourceVersion"]
    pod = failing(bench, "preempted")
    for event in bench.api.watch(f"{bench.path}/pods", resourceVersion=version):
        conditions = event["object"]["status"].get("conditions", [])
        reasons += [one["reason"] for one in conditions if one["type"] == "DisruptionTarget"]
        if event["type"] == "DELETED":
            break
    assert set(reasons) == {"PreemptionByScheduler"}
    assert bench.find(pod) is None


def test_a_pod_that_will_not_end(bench: Bench) -> None:
    pod = failing(bench, "stuck-terminating")
    eventually(lambda: bench.ready(pod))
    bench.pod("other", product=L4.product)
    eventually(lambda: bench.ready("other"))
    bench.delete(pod)
    bench.delete("other")
    # Whoever deletes takes both in the same order: when the second is gone, the first would be.
    eventually(lambda: bench.find("other") is None)
    found = bench.find(pod)
    assert found
    assert found["metadata"]["deletionTimestamp"]
    bench.delete(pod, gracePeriodSeconds=0)
    eventually(lambda: bench.find(pod) is None)


def test_a_lost_node_takes_its_pods_with_it(bench: Bench, cluster: Cluster) -> None:
    """Chosen by the pod; taints and evictions come from the real controllers."""
    pod = failing(bench, "node-lost")
    eventually(lambda: bench.ready(pod))
    node = (bench.find(pod) or {})["spec"]["nodeName"]
    eventually(lambda: not bench.ready(pod), what="pod marked as not ready")
    eventually(
        lambda: (bench.find(pod) or {})["metadata"].get("deletionTimestamp"),
        seconds=40,
        what="eviction",
    )
    assert bench.condition(pod, "DisruptionTarget")["reason"] == "DeletionByTaintManager"
    taints = cluster.api.get(f"/api/v1/nodes/{node}")["spec"]["taints"]
    assert "node.kubernetes.io/unreachable" in {one["key"] for one in taints}
    assert kwok.revive(cluster) == [node]
    eventually(lambda: bench.find(pod) is None, what="end of the pod once its node is back")


def test_a_node_can_be_lost_by_name(bench: Bench, cluster: Cluster) -> None:
    bench.pod("desk", product=L4.product)
    eventually(lambda: bench.ready("desk"))
    kwok.lose(cluster, (bench.find("desk") or {})["spec"]["nodeName"])
    assert not bench.ready("desk")
    eventually(lambda: (bench.find("desk") or {})["metadata"].get("deletionTimestamp"), seconds=40)


def test_the_scheduler_refuses_what_does_not_fit(bench: Bench) -> None:
    """Nine cards on machines of eight; it says so, and the pod waits."""
    bench.pod("greedy", product=A4000.product, gpus=9)
    scheduled = eventually(lambda: bench.condition("greedy", "PodScheduled"))
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in scheduled["message"]
    assert bench.status("greedy")["phase"] == "Pending"


def test_the_more_important_pod_gets_the_place(bench: Bench, cluster: Cluster) -> None:
    """Real preemption, by the real scheduler: the words of the stage are its words."""
    name = f"important-{bench.name}"
    cluster.api.apply(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": 1000,
        }
    )
    try:
        version = bench.api.get(f"{bench.path}/pods")["metadata"]["resourceVersion"]
        for number in range(2):  # both L4 machines are full
            bench.pod(f"low-{number}", product=L4.product, gpus=8)
            eventually(lambda n=number: bench.ready(f"low-{n}"))
        bench.pod("high", product=L4.product, gpus=8, priority=name)
        eventually(lambda: bench.ready("high"), what="the important one")
        disrupted = {
            condition["reason"]: condition["message"]
            for event in bench.api.watch(
                f"{bench.path}/pods", timeout_s=1, resourceVersion=version
            )
            for condition in event["object"]["status"].get("conditions", [])
            if condition["type"] == "DisruptionTarget"
        }
        assert disrupted == {
            "PreemptionByScheduler": "default-scheduler: preempting to accommodate a higher "
            "priority pod"
        }
    finally:
        cluster.api.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}")
