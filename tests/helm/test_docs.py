"""docs/kubernetes.md says what is so."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.cluster.chart import CHART, rendered
from tests.running import ROOT

TEXT = (ROOT / "docs" / "kubernetes.md").read_text()
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


def test_its_values_install() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert rendered(yaml.safe_load(block))


def test_it_knows_every_key_of_the_secret() -> None:
    keys = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for one in rendered()
        if one["kind"] == "Deployment"
        for variable in one["spec"]["template"]["spec"]["containers"][0]["env"]
        if "valueFrom" in variable
    }
    assert keys == set(re.findall(r"--from-literal=([A-Z_]+)=", TEXT))
    told = (CHART / "values.yaml").read_text()
    assert not [key for key in keys if key not in told]


def test_the_values_it_names_exist() -> None:
    roots = "|".join(DEFAULTS)
    for path in set(re.findall(rf"`((?:{roots})\.[A-Za-z.]+)`", TEXT)):
        value: Any = DEFAULTS
        for part in path.split("."):
            assert part in value, path
            value = value[part]
