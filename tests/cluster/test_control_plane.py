"""The test cluster itself: real parts, real disks' life, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import build
from tests.cluster.access import Cluster
from tests.cluster.api import Api, ApiError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.pods import Bench
from tests.running import ROOT, eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def bench(cluster: Cluster) -> Iterator[Bench]:
    bench = Bench(cluster)
    yield bench
    bench.end()


def test_it_says_which_kubernetes_it_is(control_plane: ControlPlane) -> None:
    assert control_plane.api.get("/version")["gitVersion"] == f"v{build.KUBERNETES}"


def test_a_claim_gets_a_disk_when_its_pod_has_a_place(bench: Bench) -> None:
    claims = f"{bench.path}/persistentvolumeclaims"
    bench.claim("home", gib=300)
    bench.claim("unused")
    bench.pod("desk", claim="home")
    eventually(lambda: bench.ready("desk"), what="pod with a disk")
    home = bench.api.get(f"{claims}/home")
    assert home["status"]["phase"] == "Bound"
    assert home["status"]["capacity"]["storage"] == "300Gi"
    assert bench.api.get(f"{claims}/unused")["status"]["phase"] == "Pending"
    volume = f"/api/v1/persistentvolumes/{home['spec']['volumeName']}"
    bench.delete("desk")
    eventually(lambda: bench.find("desk") is None)
    assert bench.api.get(volume)["status"]["phase"] == "Bound", "the disk stays"
    bench.api.delete(f"{claims}/home")
    eventually(lambda: bench.api.find(volume) is None, what="end of the disk")


def test_a_service_account_may_do_what_it_was_given(cluster: Cluster, bench: Bench) -> None:
    meta = {"name": "reader", "namespace": bench.name}
    cluster.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    reader = Api(cluster.kubeconfig_for(bench.name, "reader"))
    with pytest.raises(ApiError) as refused:
        reader.list(f"{bench.path}/pods")
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden")
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    subject = {"kind": "ServiceAccount"} | meta
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "subjects": [subject],
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "reader"},
    }
    cluster.api.apply(role)
    cluster.api.apply(binding)

    def allowed() -> bool:
        try:
            return reader.list(f"{bench.path}/pods") == []
        except ApiError:
            return False

    eventually(allowed, what="the right to list pods")
    with pytest.raises(ApiError):
        reader.list("/api/v1/pods")


def test_admission_is_the_real_one(cluster: Cluster, bench: Bench) -> None:
    """Pod Security and quotas answer as in production."""
    strict = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.api.patch(f"/api/v1/namespaces/{bench.name}", strict)
    with pytest.raises(ApiError, match="violates PodSecurity") as refused:
        bench.pod("loose")
    assert refused.value.status == 403
    cluster.api.patch(
        f"/api/v1/namespaces/{bench.name}",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
    )
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": bench.name},
        "spec": {"hard": {"pods": "1"}},
    }
    cluster.api.apply(quota)
    used = f"{bench.path}/resourcequotas/small"
    eventually(lambda: cluster.api.get(used).get("status", {}).get("used"), what="quota counted")
    bench.pod("first")
    with pytest.raises(ApiError, match="exceeded quota"):
        bench.pod("second")


def test_the_api_server_can_be_restarted(control_plane: ControlPlane, bench: Bench) -> None:
    bench.pod("before")
    eventually(lambda: bench.ready("before"))
    was = control_plane.process("kube-apiserver").pid
    control_plane.restart_api_server()
    assert control_plane.process("kube-apiserver").pid != was
    assert bench.ready("before"), "nothing is forgotten"
    bench.pod("after")
    eventually(lambda: bench.ready("after"), seconds=60, what="pod after the restart")


# --- Nothing is left behind ----------------------------------------------------------------------

_HOLD = """
import sys
from tests.cluster.control_plane import ControlPlane
with ControlPlane() as plane:
    print(plane.folder, *(one.pid for one in plane.processes), flush=True)
    sys.stdin.read()
"""


def _held() -> tuple[subprocess.Popen[str], Path, list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    folder, *pids = process.stdout.readline().split()
    return process, Path(folder), [int(pid) for pid in pids]


def _living(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            found.append(pid)
    return found


@pytest.mark.parametrize("how", ["end", "kill"])
def test_nothing_is_left_running(cluster: Cluster, how: str) -> None:
    process, folder, pids = _held()
    try:
        assert len(pids) == 4
        assert _living(pids) == pids
        if how == "kill":
            process.send_signal(signal.SIGKILL)
        else:
            process.communicate("")
        process.wait(20)
        eventually(lambda: not _living(pids), what="end of every process")
        Cluster().stop()  # whoever comes next tidies up after the killed
        assert not folder.exists()
    finally:
        process.kill()
        process.communicate()


def test_a_program_that_cannot_start_says_why(tmp_path: Path, monkeypatch) -> None:
    plane = ControlPlane(tmp_path, api_server_flags=["--no-such-flag"])
    with pytest.raises(Exception, match="unknown flag: --no-such-flag"):
        plane.start()
    assert not plane.processes
