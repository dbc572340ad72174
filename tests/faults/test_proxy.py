"""The proxy passes everything as it is, and hurts exactly what it was told to hurt."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.cluster.api import Api, ApiError
from tests.cluster.control_plane import ControlPlane
from tests.faults.kube_proxy import FaultProxy
from tests.faults.wire import watches
from tests.running import eventually

pytestmark = pytest.mark.cluster

PLACE = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def api(control_plane: ControlPlane, proxy: FaultProxy) -> Api:
    return Api(proxy.kubeconfig(_by_token(control_plane)))


def _by_token(plane: ControlPlane) -> Any:
    """Certificates of clients do not pass a proxy; tokens do."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "through-the-proxy"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    }
    plane.api.apply(binding)
    return plane.kubeconfig_for("default", "default")


@pytest.fixture
def thing(control_plane: ControlPlane) -> Iterator[str]:
    made = control_plane.api.post(PLACE, {"metadata": {"generateName": "proxied-"}})
    yield made["metadata"]["name"]
    control_plane.api.delete(f"{PLACE}/{made['metadata']['name']}")


class Listening:
    """A watch through the proxy, read by a thread: `events`, and how it `ended`."""

    def __init__(self, api: Api, proxy: FaultProxy, name: str) -> None:
        self.events: list[Any] = []
        self.ended: str = ""
        self._events = api.watch(PLACE, timeout_s=30, fieldSelector=f"metadata.name={name}")
        threading.Thread(target=self._read, daemon=True).start()
        eventually(lambda: self.events, what="the first event")
        assert proxy.open_watches() == 1

    def _read(self) -> None:
        try:
            for event in self._events:
                self.events.append(event["type"])
            self.ended = "quietly"
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.ended = type(error).__name__


def change(control_plane: ControlPlane, name: str, value: str) -> None:
    control_plane.api.patch(f"{PLACE}/{name}", {"data": {"value": value}})


def test_it_passes_what_the_server_says(api: Api, proxy: FaultProxy, thing: str) -> None:
    began_s = time.monotonic()
    assert api.get(f"{PLACE}/{thing}")["metadata"]["name"] == thing
    with pytest.raises(ApiError) as refused:
        api.post(PLACE, {"metadata": {"name": thing}})
    assert refused.value.reason == "AlreadyExists"
    assert len(api.list("/api/v1/nodes")) >= 1  # long, and in chunks
    passed = [(one.method, one.path) for one in proxy.since(began_s)]
    assert passed == [("GET", f"{PLACE}/{thing}"), ("POST", PLACE), ("GET", "/api/v1/nodes")]


def test_events_pass_as_they_come(
    api: Api, proxy: FaultProxy, control_plane: ControlPlane, thing: str
) -> None:
    heard = Listening(api, proxy, thing)
    change(control_plane, thing, "new")
    eventually(lambda: heard.events == ["ADDED", "MODIFIED"], what="the change")


def test_it_refuses_as_often_as_told(api: Api, proxy: FaultProxy, thing: str) -> None:
    proxy.refuse(429, "TooManyRequests", times=2, Retry_After="3")
    for _time in range(2):
        with pytest.raises(ApiError) as refused:
            api.get(f"{PLACE}/{thing}")
        assert refused.value.status == 429
    assert api.get(f"{PLACE}/{thing}")
    proxy.refuse(410, "Expired", which=watches)
    assert api.get(f"{PLACE}/{thing}")
    proxy.heal()


def test_an_error_within_a_stream_is_its_end(
    api: Api, proxy: FaultProxy, control_plane: ControlPlane, thing: str
) -> None:
    heard = Listening(api, proxy, thing)
    assert proxy.say_in_watches(410, "Expired") == 1
    eventually(lambda: heard.ended == "quietly", what="its end")
    assert heard.events[:2] == ["ADDED", "ERROR"]


def test_a_silenced_stream_stays_open_and_others_pass(
    api: Api, proxy: FaultProxy, control_plane: ControlPlane, thing: str
) -> None:
    mute = Listening(api, proxy, thing)
    assert proxy.silence() == 1
    hears = Listening(api, proxy, thing)
    change(control_plane, thing, "unheard")
    eventually(lambda: "MODIFIED" in hears.events, what="the change")
    assert mute.events == ["ADDED"]
    assert not mute.ended


def test_a_cut_stream_ends_in_the_middle_of_an_event(
    api: Api, proxy: FaultProxy, control_plane: ControlPlane, thing: str
) -> None:
    heard = Listening(api, proxy, thing)
    proxy.cut_next_events()
    change(control_plane, thing, "cut")
    eventually(lambda: heard.ended == "ProtocolError", what="its end")
    assert heard.events == ["ADDED"]


def test_a_dropped_stream_is_an_error(api: Api, proxy: FaultProxy, thing: str) -> None:
    heard = Listening(api, proxy, thing)
    proxy.drop_connections()
    eventually(lambda: heard.ended == "ProtocolError", what="its end")


def test_what_is_delayed_comes_later(api: Api, proxy: FaultProxy, thing: str) -> None:
    began_s = time.monotonic()
    proxy.delay(0.5)
    assert json.dumps(api.get(f"{PLACE}/{thing}"))
    assert time.monotonic() - began_s > 0.5
