"""What may be said to the chart, and what it answers where something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from portal.environment import Environment
from tests.cluster.chart import CHART, MINIMAL, Object, merged, rendered
from tests.running import ROOT

FULL = yaml.safe_load((CHART / "ci" / "full-values.yaml").read_text())
VARIANTS: dict[str, dict[str, Any]] = {
    "minimal": {},
    "full": FULL,
    "one-of-each": {name: {"replicas": 1} for name in ("portal", "gateway", "worker", "watch")},
    "bare": {
        "ingress": {"enabled": False},
        "networkPolicies": {"enabled": False},
        "podDisruptionBudgets": {"enabled": False},
        "desktops": {"priorityClass": {"create": False}},
    },
}
# A wrong value, and how the answer names it.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"image": {"repository": ""}}, "/image/repository"),
    ({"image": {"digest": "sha256:0123"}}, "/image/digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"secrets": {"existingSecret": ""}}, "/secrets/existingSecret"),
    ({"secrets": {"existingSecret": "Not A Name"}}, "/secrets/existingSecret"),
    ({"portal": {"host": ""}}, "/portal/host"),
    ({"portal": {"host": "https://desks.example.org"}}, "/portal/host"),
    ({"portal": {"host": "desks.example.org:8443"}}, "/portal/host"),
    ({"desktops": {"host": "*.desks.example.net"}}, "/desktops/host"),
    ({"desktops": {"imageRegistry": ""}}, "/desktops/imageRegistry"),
    ({"portal": {"replicas": 0}}, "/portal/replicas"),
    ({"gateway": {"replicas": "two"}}, "/gateway/replicas"),
    ({"worker": {"threads": 1000}}, "/worker/threads"),
    ({"watch": {"resources": {"limits": {"memory": "lots"}}}}, "/watch/resources/limits/memory"),
    ({"clock": {"replicas": 2}}, "'replicas'"),
    ({"language": "fr"}, "/language"),
    ({"mailFrom": "nobody"}, "/mailFrom"),
    ({"desktops": {"blockedCIDRs": ["10.0.0.1"]}}, "/desktops/blockedCIDRs/0"),
    ({"desktops": {"storageClass": None, "storageclass": "fast"}}, "'storageclass'"),
    ({"desktops": {"tolerations": [{"key": "a", "efect": "NoSchedule"}]}}, "'efect'"),
    ({"desktops": {"tenantQuota": {"pods": 50}}}, "/desktops/tenantQuota/pods"),
    ({"desktops": {"allowedImages": [""]}}, "/desktops/allowedImages/0"),
    ({"ingress": {"annotations": {"timeout": 3600}}}, "/ingress/annotations/timeout"),
    ({"networkPolicies": {"dnsPorts": [0]}}, "/networkPolicies/dnsPorts/0"),
    ({"migrate": {"setups": {"emptyDir": {}, "configMap": {}}}}, "/migrate/setups"),
    ({"extraEnv": [{"name": "1ST", "value": "x"}]}, "/extraEnv/0/name"),
    ({"portl": {"host": "desks.example.org"}}, "'portl'"),
    # How values stand to each other is for the templates to say.
    ({"desktops": {"host": "desks.example.org"}}, "portal.host and desktops.host"),
    ({"desktops": {"host": "example.org"}}, "portal.host must not be below desktops.host"),
    ({"desktops": {"priorityClass": {"name": "paid"}}}, "desktops.priorityClass.create"),
]


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_nothing_is_to_be_said_against_it(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, merged(MINIMAL, values), strict=True, kube_version="v1.30.0")
    said = [one for one in report["messages"] if one["severity"] > 1]
    assert not said and not report["errors"]


@pytest.mark.parametrize(("values", "named"), WRONG, ids=[str(values) for values, _ in WRONG])
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        rendered(values)
    assert named in str(refusal.value)


@pytest.mark.parametrize("name", ["Desks", "1st", "a" * 21, "desks-"])
def test_a_name_that_no_namespace_could_begin_with_is_refused(name: str) -> None:
    with pytest.raises(helm_python.HelmError, match="release"):
        rendered(release=name)


def test_every_value_is_described_by_the_schema() -> None:
    """Defaults are held to it too, so that no typing error hides in values.yaml."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(MINIMAL)
        schema, defaults = chart.schema, chart.values
    assert schema and schema["additionalProperties"] is False
    assert set(schema["properties"]) - {"global"} == set(defaults)


def test_older_clusters_are_refused() -> None:
    """They lack the admission policies, and would say nothing about it."""
    needed = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert needed == ">=1.30.0-0"


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_no_password_is_in_what_it_makes(values: dict[str, Any]) -> None:
    objects = rendered(values)
    assert not [one for one in objects if one["kind"] == "Secret"]
    keys = {"DATABASE_URL", "BROKER_URL", "ATELIER_SECRET_KEY", "ATELIER_GATEWAY_KEY"}
    for one in objects:
        for variable in variables(one):
            if variable["name"] in keys:
                assert set(variable) == {"name", "valueFrom"}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_objects_have_names_of_their_own_and_say_whose_they_are(values: dict[str, Any]) -> None:
    objects = rendered(values, release="desks", namespace="elsewhere")
    known = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(known) == len(set(known))
    for one in objects:
        meta = one["metadata"]
        assert meta["name"].startswith("desks-"), meta["name"]
        assert meta["labels"]["app.kubernetes.io/instance"] == "desks"
        assert meta.get("namespace") in ("elsewhere", None)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_services_budgets_and_policies_find_their_pods(values: dict[str, Any]) -> None:
    objects = rendered(values)
    labels = [pod["metadata"]["labels"] for pod in map(template, objects) if pod]
    for one in objects:
        if one["kind"] == "Service":
            wanted = one["spec"]["selector"]
        elif one["kind"] == "PodDisruptionBudget":
            wanted = one["spec"]["selector"]["matchLabels"]
        elif one["kind"] == "NetworkPolicy":
            wanted = one["spec"]["podSelector"]["matchLabels"]
        else:
            continue
        assert any(wanted.items() <= have.items() for have in labels), one["metadata"]["name"]


def test_only_who_talks_to_the_api_server_holds_a_token() -> None:
    holders = {
        one["metadata"]["name"]
        for one in rendered()
        if (pod := template(one)) and pod["spec"]["automountServiceAccountToken"]
    }
    assert holders == {"atelier-worker", "atelier-watch", "atelier-check"}


def test_the_gateway_knows_neither_database_nor_queue() -> None:
    gateway = deployment(rendered(), "atelier-gateway")
    secret = {variable["name"] for variable in variables(gateway) if "valueFrom" in variable}
    assert secret == {"ATELIER_GATEWAY_KEY"}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_platform_understands_the_variables_it_is_given(
    values: dict[str, Any], tmp_path: Path
) -> None:
    """The portal's own settings read what the chart writes."""
    portal = deployment(rendered(values), "atelier-portal")
    written = {one["name"]: one.get("value") for one in variables(portal)}
    known = {f"ATELIER_{name}".upper() for name in Environment.model_fields if "kube_" in name}
    assert {name for name in written if "KUBE_" in name} == known
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ATELIER_", "DJANGO_"))}
    env |= {name: value for name, value in written.items() if value is not None} | {
        "ATELIER_DATA": str(tmp_path),
        "ATELIER_SECRET_KEY": "".join(map(chr, range(48, 122))),
        "ATELIER_GATEWAY_KEY": "0123456789abcdef0123456789abcdef",
        "ATELIER_SMTP_URL": "smtp://user:password@mail.example.org:587",
        "DATABASE_URL": "postgresql://user:password@db.example.org/atelier",
        "BROKER_URL": "redis://valkey.example.org:6379/0",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_creators_own_setups_are_read_where_the_catalogue_is_loaded() -> None:
    def told(values: dict[str, Any]) -> tuple[Any, Any, Any]:
        objects = rendered(values)
        spec = next(one for one in objects if one["kind"] == "Job")["spec"]["template"]["spec"]
        container = spec["containers"][0]
        folder = {one["name"]: one.get("value") for one in container["env"]}
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        return folder.get("ATELIER_SETUPS_FOLDER"), mounts.get("setups"), spec["volumes"][1:]

    assert told({}) == (None, None, [])
    claim = {"persistentVolumeClaim": {"claimName": "our-setups"}}
    volume = {"name": "setups"} | claim
    assert told({"migrate": {"setups": claim}}) == ("/setups", "/setups", [volume])


def deployment(objects: list[Object], name: str) -> Object:
    found = [one for one in objects if one["kind"] == "Deployment"]
    return next(one for one in found if one["metadata"]["name"] == name)


def template(one: Object) -> Object | None:
    """The pod of a Deployment or Job, or the object itself where it is a Pod."""
    if one["kind"] == "Pod":
        return one
    return one["spec"]["template"] if one["kind"] in ("Deployment", "Job") else None


def variables(one: Object) -> list[dict[str, Any]]:
    pod = template(one)
    return [v for c in pod["spec"]["containers"] for v in c.get("env", [])] if pod else []
