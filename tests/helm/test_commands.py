"""The very commands and variables of the chart's pods, run as processes on the real API server.

They speak as the chart's accounts, and are asked what their probes ask. What their image adds
(uid 1000, nothing to write to but /tmp) is for whoever builds it to try.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cluster.access import Cluster
from tests.cluster.chart import CHART, Object, rendered
from tests.helm.conftest import NAMESPACE, RELEASE, Accounts
from tests.helm.test_values import template
from tests.running import ROOT, eventually, free_port

pytestmark = pytest.mark.cluster
HOST = "desks.example.org"
VALUES = {"desktops": {"imageRegistry": "registry.test"}}


class Installation:
    """What a kubelet would run. Ports and secrets are ours, everything else is the chart's."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.ports = {"portal": free_port(), "gateway": free_port()}
        self.objects = rendered(VALUES, release=RELEASE, namespace=NAMESPACE)
        self._stack = ExitStack()
        self.kubeconfigs = {
            who: str(cluster.kubeconfig_for(NAMESPACE, f"{RELEASE}-{who}"))
            for who in ("worker", "watch")
        }

    def container(self, name: str) -> Object:
        for one in self.objects:
            pod = template(one)
            if pod and pod["spec"]["containers"][0]["name"] == name:
                return pod["spec"]["containers"][0]
        raise LookupError(name)

    def environment(self, name: str) -> dict[str, str]:
        written = {one["name"]: one.get("value") for one in self.container(name).get("env", [])}
        secret = {
            "DATABASE_URL": os.environ["DATABASE_URL"].replace("/atelier?", "/atelier_chart?"),
            "BROKER_URL": os.environ["BROKER_URL"],
            "ATELIER_SECRET_KEY": "".join(map(chr, range(48, 122))),
            "ATELIER_GATEWAY_KEY": "0123456789abcdef0123456789abcdef",
            "ATELIER_SMTP_URL": "smtp://user:password@127.0.0.1:9",
        }
        private = {
            "ATELIER_DATA": str(self.folder),
            "ATELIER_LISTEN": "127.0.0.1",
            "ATELIER_PORT": str(self.ports["portal"]),
            "ATELIER_GATEWAY_PORT": str(self.ports["gateway"]),
            "ATELIER_PORTAL_INTERNAL_URL": f"http://127.0.0.1:{self.ports['portal']}",
            "ATELIER_READY_FILE": str(self.folder / f"{name}-ready"),
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATELIER_", "DJANGO_"))}
        kept = {k: v for k, v in kept.items() if k not in secret}
        given = {
            key: {**secret, **private}.get(key, value) or "" for key, value in written.items()
        }
        if name in self.kubeconfigs:
            given["ATELIER_KUBECONFIG"] = self.kubeconfigs[name]
        return kept | given | {"PYTHONPATH": str(ROOT)}

    def words(self, name: str) -> list[str]:
        python, *rest = self.container(name)["command"]
        assert python == "python"
        return [
            sys.executable,
            *(word.replace("/tmp/", f"{self.folder}/") for word in rest),
        ]

    def run(self, name: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words] if words else self.words(name),
            cwd=ROOT,
            env=self.environment(name) | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, name: str) -> None:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("w"))
        process = subprocess.Popen(
            self.words(name), cwd=ROOT, env=self.environment(name), stdout=log, stderr=log
        )
        self._stack.callback(process.wait, 20)
        self._stack.callback(process.terminate)

    def well(self, name: str) -> bool:
        """What this container's readiness probe asks."""
        probe = self.container(name)["readinessProbe"]
        if "exec" in probe:
            return Path(self.environment(name)["ATELIER_READY_FILE"]).exists()
        asked = probe["httpGet"]
        headers = {one["name"]: one["value"] for one in asked.get("httpHeaders", [])}
        return self.ask(name, "GET", asked["path"], headers=headers)[0] == 200

    def ask(
        self, name: str, method: str, path: str, body: Any = None, *, headers: dict[str, str]
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=15)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-1500:]}" for log in self.folder.glob("*.log")
        )

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def installation(
    cluster: Cluster, accounts: Accounts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    one = Installation(cluster, tmp_path_factory.mktemp("chart"))
    done = one.run("migrate")
    assert done.returncode == 0, done.stderr
    try:
        for name in ("portal", "gateway", "worker", "clock", "watch"):
            one.start(name)
        for name in ("portal", "gateway", "worker", "watch"):
            eventually(lambda name=name: one.well(name), seconds=60, what=f"{name} is well")
        yield one
    except AssertionError as error:
        raise AssertionError(f"{error}\n{one.logs()}") from error
    finally:
        one.stop()


def test_migrating_again_changes_nothing(installation: Installation) -> None:
    done = installation.run("migrate")
    assert done.returncode == 0, done.stderr
    assert "No migrations to apply" in done.stdout


def test_a_desktop_is_launched_and_stopped(installation: Installation) -> None:
    made = installation.run("portal", "manage.py", "create_token", "ada@example.org", "--create")
    assert made.returncode == 0, made.stderr
    headers = {
        "Host": HOST,
        "Authorization": f"Bearer {made.stdout.split()[-1]}",
        "Content-Type": "application/json",
        "X-Forwarded-Proto": "https",
    }

    def call(method: str, path: str, body: Any = None) -> Any:
        status, text = installation.ask("portal", method, f"/api/v1{path}", body, headers=headers)
        assert 200 <= status < 300, text
        return json.loads(text)

    asked = {"name": "one", "plan": "aigc-a4000", "setup": "blank"}
    desktop = f"/desktops/{call('POST', '/desktops/', asked)['id']}/"

    def becomes(status: str) -> None:
        try:
            eventually(lambda: call("GET", desktop)["status"] == status, seconds=60, what=status)
        except AssertionError as error:
            raise AssertionError(f"{call('GET', desktop)}\n{installation.logs()}") from error

    becomes("running")
    call("POST", f"{desktop}stop/")
    becomes("stopped")
    call("DELETE", desktop)


@pytest.fixture
def check(installation: Installation, tmp_path: Path) -> dict[str, str]:
    """The variables of `helm test`'s pod, and the folder that its account is in."""
    trust = installation.cluster.connection()["certificate-authority-data"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(trust))
    token = installation.cluster.token_for(NAMESPACE, f"{RELEASE}-worker")
    (tmp_path / "token").write_text(token)
    server = urlsplit(installation.cluster.api.server)
    return {
        "CHECK_PORTAL": f"http://127.0.0.1:{installation.ports['portal']}",
        "CHECK_GATEWAY": f"http://127.0.0.1:{installation.ports['gateway']}",
        "CHECK_ACCOUNT": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }


CHECK = str(CHART / "files" / "check.py")


def test_helm_test_finds_all_well(installation: Installation, check: dict[str, str]) -> None:
    done = installation.run("check", CHECK, **check)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   portal answers 200" in done.stdout


def test_helm_test_tells_what_is_not(
    installation: Installation, accounts: Accounts, check: dict[str, str]
) -> None:
    """A gateway that is away, and an account with more rights than are good for it."""
    away = check | {"CHECK_GATEWAY": f"http://127.0.0.1:{free_port()}"}
    grown = Path(check["CHECK_ACCOUNT"]) / "token"
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/grown"
    admin = accounts.admin
    one = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "grown"}}
    admin.apply(one | {"metadata": {"name": "grown", "namespace": NAMESPACE}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
    bound = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "grown"},
        "roleRef": role | {"name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "grown", "namespace": NAMESPACE}],
    }
    admin.apply(bound)
    try:
        grown.write_text(installation.cluster.token_for(NAMESPACE, "grown"))
        done = installation.run("check", CHECK, **away)
    finally:
        admin.delete(admin.path_of(bound))
        admin.delete(path)
    assert done.returncode == 1
    assert "FAIL gateway does not answer" in done.stdout
    assert "FAIL the worker may get secrets in kube-system" in done.stdout
