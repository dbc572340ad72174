"""The API server as tests see it: JSON in, JSON out, one connection pool.

Deliberately not the platform's client: what checks the driver shares no code with it.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

_PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiError(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        self.reason = body.get("reason", "") if isinstance(body, dict) else ""
        said = body.get("message") if isinstance(body, dict) else body
        super().__init__(f"{status} {self.reason}: {said}")


class Api:
    """Speaks as whoever the kubeconfig names."""

    def __init__(self, kubeconfig: Path, *, connections: int = 8) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        context = named(document["contexts"], document["current-context"])["context"]
        cluster = named(document["clusters"], context["cluster"])["cluster"]
        user = named(document["users"], context["user"])["user"]
        self.server: str = cluster["server"].rstrip("/")
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        trust = ssl.create_default_context()
        if cluster.get("insecure-skip-tls-verify"):
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        elif authority := pem_in(cluster, "certificate-authority"):
            trust = ssl.create_default_context(cadata=authority.decode())
        if certificate := pem_in(user, "client-certificate"):
            _load(trust, certificate, pem_in(user, "client-key") or b"")
        self._pool = urllib3.PoolManager(maxsize=connections, ssl_context=trust)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        timeout_s: float = 30,
        **query: Any,
    ) -> Any:
        """The answer's JSON; ApiError for every status above 299."""
        answer = self._pool.request(
            method,
            self.server + path + ("?" + urlencode(query) if query else ""),
            body=None if body is None else json.dumps(body),
            headers=self._headers | ({} if body is None else {"Content-Type": content_type}),
            timeout=timeout_s,
            retries=False,
        )
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = answer.data.decode(errors="replace")
        if answer.status >= 300:
            raise ApiError(answer.status, found)
        return found

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, **query)

    def list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """From the API server's memory (resourceVersion=0 is not asked: always up to date)."""
        return self.call("GET", path, **query).get("items") or []

    def find(self, path: str) -> dict[str, Any] | None:
        """The object, or nothing where there is none."""
        try:
            return self.call("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def post(self, path: str, body: Any, **query: Any) -> Any:
        return self.call("POST", path, body, **query)

    def delete(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.call("DELETE", path, body, **query)

    def patch(self, path: str, body: Any, *, kind: str = "merge", **query: Any) -> Any:
        return self.call("PATCH", path, body, content_type=_PATCHES[kind], **query)

    def apply(self, document: dict[str, Any], *, manager: str = "tests") -> Any:
        """Server-side apply of any object whose kind the server knows."""
        path = self.path_of(document)
        return self.patch(path, document, kind="apply", fieldManager=manager, force="true")

    def path_of(self, document: dict[str, Any]) -> str:
        version, kind = document["apiVersion"], document["kind"]
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        resources = self.get(root)["resources"]
        found = next(one for one in resources if one["kind"] == kind and "/" not in one["name"])
        meta = document["metadata"]
        inside = f"/namespaces/{meta.get('namespace', 'default')}" if found["namespaced"] else ""
        return f"{root}{inside}/{found['name']}/{meta['name']}"

    def watch(self, path: str, *, timeout_s: int = 60, **query: Any) -> Iterator[dict[str, Any]]:
        """Events as they come, until the server ends the stream."""
        query |= {"watch": "true", "timeoutSeconds": timeout_s}
        answer = self._pool.request(
            "GET",
            f"{self.server}{path}?{urlencode(query)}",
            headers=self._headers,
            preload_content=False,
            timeout=timeout_s + 10,
            retries=False,
        )
        rest = b""
        try:
            for chunk in answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            answer.close()


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The row of a kubeconfig's list that has this name."""
    return next(row for row in rows if row["name"] == name)


def pem_in(row: dict[str, Any], name: str) -> bytes | None:
    """What a kubeconfig holds under this name, or in the file it names."""
    if f"{name}-data" in row:
        return base64.b64decode(row[f"{name}-data"])
    return Path(row[name]).read_bytes() if name in row else None


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python reads them from files alone."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
