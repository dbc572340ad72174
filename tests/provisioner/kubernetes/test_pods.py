"""What a pod says about its desktop: what it is, where it answers, how far its start has come."""

from __future__ import annotations

import pytest

from provisioner.drivers.base import Observation
from provisioner.drivers.kubernetes import names, pods
from provisioner.states import Observed
from tests.provisioner.kubernetes.statuses import (
    ID,
    PLACED,
    READY,
    RUNNING,
    a_pod,
    at,
    seen,
)


def test_it_is_ready_only_when_kubelet_says_so_and_it_has_an_address() -> None:
    found = seen(a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3"))
    assert (found.observed, found.generation, found.revision) == (Observed.READY, 3, 7)
    assert found.endpoint == "http://10.1.2.3:6901"
    assert found.app_endpoints == {"webui": "http://10.1.2.3:7860"}
    assert found.cause == ""
    unaddressed = seen(a_pod(phase="Running", container=RUNNING, conditions=READY))
    assert (unaddressed.observed, unaddressed.endpoint) == (Observed.PENDING, "")


def test_an_address_of_the_new_kind_is_written_in_brackets() -> None:
    found = seen(a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="2001:db8::5"))
    assert found.endpoint == "http://[2001:db8::5]:6901"


def test_what_is_being_deleted_is_stopping_even_while_it_answers() -> None:
    gone = {"deletionTimestamp": at(40), "deletionGracePeriodSeconds": 30}
    raw = a_pod(
        phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3", metadata=gone
    )
    found = seen(raw, after_s=20)
    assert (found.observed, found.endpoint, found.cause) == (Observed.STOPPING, "", "")
    assert seen(raw, after_s=40 + pods.STUCK_S + 1).cause == "stopping_stuck"


def phases(found: Observation) -> list[tuple[str, bool]]:
    return [(each["key"], each["ended_at"] is not None) for each in found.progress["phases"]]


def test_it_tells_the_phases_of_a_start() -> None:
    assert phases(seen(a_pod())) == [("card", False)]
    disk = {"metadata": {"name": "x", "creationTimestamp": at(0), "labels": {}}}
    claim = pods.trim_claim(disk)
    assert phases(seen(a_pod(), claim=claim)) == [("card", False)]
    disk["metadata"]["annotations"] = {pods.SELECTED_NODE: "n1"}
    claim = pods.trim_claim(disk)
    assert phases(seen(a_pod(), claim=claim)) == [("card", True), ("disk", False)]
    placed = a_pod(conditions=[PLACED])
    assert phases(seen(placed)) == [("card", True), ("setup", False)]
    runs = a_pod(phase="Running", container=RUNNING, conditions=[PLACED])
    assert phases(seen(runs)) == [("card", True), ("setup", True), ("desktop", False)]
    ready = a_pod(phase="Running", container=RUNNING, conditions=READY, podIP="10.1.2.3")
    assert phases(seen(ready)) == [("card", True), ("setup", True), ("desktop", True)]


@pytest.mark.parametrize(
    "labels",
    [{}, {names.DESKTOP: "not-hex"}, {names.DESKTOP: ID.hex, names.GENERATION: "many"}],
)
def test_what_others_write_is_never_ours_by_mistake(labels: dict[str, str]) -> None:
    raw = a_pod(metadata={"labels": labels})
    pod = pods.trim(raw)
    assert pod.generation is None
    assert not names.is_ours("atelier", pod)
    ours = pods.trim(a_pod())
    assert names.is_ours("atelier", ours)
    assert not names.is_ours("other", ours)
    assert not names.is_ours("atelier", pods.trim(a_pod(metadata={"name": "d-other"})))
    assert not names.is_ours("atelier", pods.trim(a_pod(metadata={"namespace": "default"})))
