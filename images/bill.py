"""The software bill of materials of an image: every Debian and Python package in it.

    python3 -m images.bill FILE        run inside the image; writes CycloneDX 1.6 as JSON

https://cyclonedx.org/docs/1.6/json/. Licences of Debian packages lie beside them, in
/usr/share/doc/*/copyright; those of Python packages in their own folders.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote


def debian() -> list[dict[str, Any]]:
    """What dpkg has installed; the release is the one that /etc/os-release names."""
    line = "${binary:Package}\t${Version}\t${Architecture}\n"
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", line], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for row in listed.splitlines():
        name, version, architecture = row.split("\t")
        name = name.partition(":")[0]
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}"
        found.append(_component(name, version, purl))
    return found


def python(roots: list[Path]) -> list[dict[str, Any]]:
    """What lies in the environments below these folders."""
    found = {}
    for site in sorted(
        path for root in roots for path in root.glob("*/lib/python3*/site-packages")
    ):
        for package in metadata.distributions(path=[str(site)]):
            name, version = package.metadata["Name"], package.version
            purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
            found[purl] = _component(name, version, purl) | _licence(package.metadata)
    return list(found.values())


def bill(roots: list[Path]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": sorted(debian() + python(roots), key=lambda one: str(one["purl"])),
    }


def _component(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def _licence(about: metadata.PackageMetadata) -> dict[str, Any]:
    """As the package says it: an SPDX expression where it has one, else its own words."""
    if expression := about.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    words = classified[0] if classified else (about.get("License") or "").strip()
    return {"licenses": [{"license": {"name": words[:200]}}]} if words else {}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(bill([Path("/opt")]), indent=1))
