"""Real pods: what they may, what they answer, and how they end, in the driver's words."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from provisioner.drivers.base import App, DesktopSpec
from provisioner.drivers.kubernetes import manifests, names
from provisioner.states import Observed
from tests.cluster.node import images
from tests.cluster.node.machine import INODES
from tests.cluster.node.scene import Scene
from tests.running import eventually

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.node,
    pytest.mark.desktop,
    pytest.mark.timeout(300),
]

APP = "cd /tmp && (setsid python3 -m http.server --bind 127.0.0.1 7860 >/dev/null 2>&1 &)"
END_OF_X = (
    "import os, pathlib\n"
    "for one in pathlib.Path('/proc').glob('[0-9]*'):\n"
    "    if (one / 'comm').read_text() == 'Xvfb\\n': os.kill(int(one.name), 9)\n"
)
HOG = "python3 -c 'held = [bytearray(1 << 20) for _ in range(4096)]'; echo ended with $?"


def started(scene: Scene, **changes: Any) -> DesktopSpec:
    spec = scene.spec(**changes)
    scene.driver.start(spec)
    return spec


def running(scene: Scene, **changes: Any) -> DesktopSpec:
    spec = started(scene, **changes)
    eventually(lambda: scene.look(spec.id).observed != Observed.PENDING, seconds=60)
    assert scene.look(spec.id).observed == Observed.READY, scene.said(spec.id)
    return spec


def failed(scene: Scene, id: UUID, *, seconds: float = 60) -> Any:
    eventually(lambda: scene.look(id).observed == Observed.FAILED, seconds=seconds, what="its end")
    return scene.look(id)


def ask(endpoint: str, path: str, secret: str | None) -> tuple[int, bytes]:
    """As the gateway would; status 0 where nobody answers."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=10)
    headers = {}
    if secret is not None:
        login = base64.b64encode(f"desk:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def test_a_desktop_may_nothing_that_it_does_not_need(scene: Scene) -> None:
    spec = running(scene)
    status = dict(
        line.split(":\t", 1) for line in scene.within(spec.id, "cat /proc/1/status").splitlines()
    )
    assert status["Uid"].split() == status["Gid"].split() == ["1000"] * 4
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert scene.within(spec.id, "ls /var/run/secrets/kubernetes.io 2>&1; true").endswith(
        "No such file or directory\n"
    )
    assert "PRETEND_GPU_UUIDS=GPU-pretend-" in scene.within(spec.id, "env")
    assert json.loads(scene.within(spec.id, "cat /run/desk/progress.json"))["ready"] is True


def test_the_stream_answers_nobody_who_does_not_know_the_secret(scene: Scene) -> None:
    spec = running(scene)
    endpoint = scene.look(spec.id).endpoint
    for path in ("/", "/api/files/", "/api/screenshot", "/api/websockets"):
        assert ask(endpoint, path, None)[0] == 401, path
        assert ask(endpoint, path, "guessed")[0] == 401, path
    status, page = ask(endpoint, "/", spec.secret)
    assert status == 200
    assert b"<html" in page.lower()


def test_an_app_that_listens_on_loopback_is_reached_with_the_secret_alone(scene: Scene) -> None:
    spec = running(scene, apps=(App(name="webui", port=7860),))
    endpoint = scene.look(spec.id).app_endpoints["webui"]
    assert ask(endpoint, "/", spec.secret)[0] == 0, "nothing listens there yet"
    scene.within(spec.id, f"echo painted here >/tmp/picture.txt; {APP}")
    eventually(lambda: ask(endpoint, "/", spec.secret)[0] == 200, what="the app")
    assert ask(endpoint, "/picture.txt", spec.secret) == (200, b"painted here\n")
    for guess in (None, "guessed", spec.secret[:-1]):
        assert ask(endpoint, "/picture.txt", guess)[0] == 401


def test_files_are_shown_while_it_rests_to_who_knows_the_secret(scene: Scene) -> None:
    spec = running(scene)
    scene.within(spec.id, "echo painted here >/home/desk/Outputs/picture.txt")
    scene.driver.stop(spec.id, tenant=spec.tenant)
    absent = lambda: scene.look(spec.id).observed == Observed.ABSENT  # noqa: E731
    eventually(absent, seconds=60, what="its end")
    endpoint = eventually(lambda: scene.driver.open_files(spec), seconds=60, what="its files")
    for guess in (None, "guessed"):
        assert ask(endpoint, "/", guess)[0] == 401
    status, listed = ask(endpoint, "/api/list?path=Outputs", spec.secret)
    assert status == 200
    assert b"picture.txt" in listed
    again = replace(spec, generation=2, secret="another", disk_known=True)
    scene.driver.start(again)
    eventually(lambda: scene.look(spec.id).observed == Observed.READY, seconds=60, what="it again")
    assert ask(endpoint, "/", spec.secret)[0] == 0, "nobody listens there any longer"
    assert scene.within(spec.id, "cat /home/desk/Outputs/picture.txt") == "painted here\n"


def test_a_program_that_takes_all_memory_ends_alone(scene: Scene) -> None:
    spec = running(scene)
    assert scene.within(spec.id, HOG) == "ended with 137\n"
    assert scene.look(spec.id).observed == Observed.READY
    assert ask(scene.look(spec.id).endpoint, "/", spec.secret)[0] == 200


def test_a_desktop_whose_session_ends_has_died(scene: Scene) -> None:
    spec = running(scene)
    scene.kubectl("exec", names.pod(spec.id), "--", "python3", "-c", END_OF_X)
    seen = failed(scene, spec.id)
    assert seen.cause == "desktop_died"
    assert "exit code 1" in "\n".join(seen.detail["log"])


def test_an_image_that_crashes_at_once(scene: Scene) -> None:
    seen = failed(scene, started(scene, image=images.CRASH).id)
    assert seen.cause == "desktop_died"
    assert "exit code 3" in "\n".join(seen.detail["log"])


def test_an_image_that_needs_more_memory_than_was_sold(scene: Scene) -> None:
    seen = failed(scene, started(scene, image=images.HOG, memory_mib=128).id)
    assert seen.cause == "ram_out"


@pytest.fixture
def registry() -> Iterator[str]:
    """One that has no image at all. (Over HTTP, as everybody speaks to one on loopback.)"""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            errors = [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]
            body = b"" if self.command == "HEAD" else json.dumps({"errors": errors}).encode()
            self.send_response(404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_image_that_does_not_exist(scene: Scene, registry: str) -> None:
    seen = failed(scene, started(scene, image=f"{registry}/desk:1").id)
    assert seen.cause == "image_not_found"


def test_a_registry_that_cannot_be_reached_is_waited_for(scene: Scene) -> None:
    spec = started(scene, image="unreachable.test/desk:1")
    eventually(lambda: scene.look(spec.id).cause, seconds=30, what="a cause")
    assert (scene.look(spec.id).observed, scene.look(spec.id).cause) == (
        Observed.PENDING,
        "image_slow",
    )


def test_a_third_card_is_waited_for_where_there_are_two(scene: Scene) -> None:
    small = {"image": images.PAUSE, "cpu_millis": 100, "memory_mib": 64}
    specs = [started(scene, **small) for _ in range(3)]

    def waiting() -> list[UUID]:
        seen = [scene.look(spec.id) for spec in specs]
        return [one.id for one in seen if one.cause == "gpu_none_free"]

    eventually(lambda: len(waiting()) == 1, seconds=30, what="one that waits")
    [last] = waiting()
    lucky = next(spec.id for spec in specs if spec.id != last)
    scene.driver.stop(lucky, tenant=scene.tenant)
    eventually(lambda: last not in waiting(), seconds=60, what="a card for the third")


def test_a_node_that_is_full_evicts(scene: Scene) -> None:
    """Real pressure: kubelet's own disk has no inodes left."""
    spec = running(scene)
    filling = scene.node.scratch / "filling"
    filling.mkdir()
    try:
        for number in range(free_inodes(filling) - INODES // 50):
            (filling / str(number)).touch()
        seen = failed(scene, spec.id)
        assert seen.cause == "evicted"
        assert "low on resource: inodes" in "\n".join(seen.detail["log"])
    finally:
        shutil.rmtree(filling)
        eventually(scene.node.ready, seconds=60, what="a node without pressure")


def free_inodes(folder: Path) -> int:
    return os.statvfs(folder).f_ffree


def test_a_desktop_that_fills_its_scratch_space_is_told_so(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "SCRATCH_GIB", 2)  # of which /tmp may have half
    spec = running(scene, memory_mib=2048)
    scene.within(spec.id, "dd if=/dev/zero of=/tmp/large bs=1M count=1100 2>&1")
    assert failed(scene, spec.id).cause == "scratch_full", scene.look(spec.id)


def test_a_restarted_kubelet_leaves_desktops_alone(scene: Scene) -> None:
    spec = running(scene)
    before = scene.within(spec.id, "cat /run/desk/progress.json")
    renewed = scene.node.last_registration()
    scene.node.start_kubelet()
    eventually(lambda: scene.node.last_registration() != renewed, seconds=60, what="new plug-in")
    eventually(scene.node.ready, seconds=60, what="a node that is ready and has cards")
    assert scene.look(spec.id).observed == Observed.READY
    words = ("exec", names.pod(spec.id), "--", "cat", "/run/desk/progress.json")
    eventually(lambda: scene.kubectl(*words).stdout == before, what="the desktop as it was")
