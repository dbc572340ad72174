"""Talks to the API server: the only file that knows the `kubernetes` package.

The official client brings configuration (kubeconfig, in-cluster token and its rotation, exec
plugins) and transport; objects travel as plain dicts, because building typed models costs more
than the request. Every response is read to its end: an unread one never returns its connection.

While the API server is away or says that it is overloaded, all threads of this process stop
asking for a while that grows (`refusals.Breaker`).
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from kubernetes import config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from provisioner.drivers.kubernetes.refusals import (
    ApiError,
    Away,
    Breaker,
    Gone,
    raise_status,
    seconds,
    translated,
)
from provisioner.errors import DriverUnavailable

log = logging.getLogger(__name__)

# One call; the API server itself gives up on a request after 60 s.
CALL_S = (5.0, 20.0)  # to connect, between two bytes
# A dead peer is noticed by the kernel after this: probes every 5 s after 15 s of silence.
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_PROBES = 15, 5, 3
DEAD_PEER_MS = 30_000

TOKEN_S = 20.0  # how long a token is used before it is read again

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
APPLY = {"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"}
# Metadata is all that is needed of some kinds: a tenth of the bytes.
METADATA = {
    "Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
    "Content-Type": "application/json",
}
METADATA_LIST = {
    "Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
    "Content-Type": "application/json",
}


class Client:
    """One API server. Threads may share it."""

    def __init__(self, kubeconfig: Path | None, *, connections: int = 16) -> None:
        """`kubeconfig` None: this process runs inside the cluster. DriverUnavailable."""
        self._configuration = Configuration()
        self._configuration.connection_pool_maxsize = connections
        self._configuration.retries = False  # who retries is decided above
        self._configuration.socket_options = _socket_options()
        try:
            if kubeconfig is None:
                config.load_incluster_config(self._configuration)  # type: ignore[no-untyped-call]
            else:
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    str(kubeconfig), client_configuration=self._configuration
                )
        except (config.ConfigException, OSError) as error:
            raise DriverUnavailable(f"no way to reach the API server: {error}") from error
        self._api = ApiClient(self._configuration)
        self._host: str = self._configuration.host
        self._breaker = Breaker()
        self._tokens = threading.Lock()
        self._headers: dict[str, str] = {}
        self._read_again_s = 0.0

    # --- Verbs ----------------------------------------------------------------------------------

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """One object, or a list. ApiError, DriverUnavailable."""
        return self._call("GET", path, query)

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, {}, body=body)

    def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> dict[str, Any]:
        """Server-side apply: what we say of the object becomes so."""
        query: dict[str, str | int] = {"fieldManager": manager, "force": "true"}
        return self._call("PATCH", path, query, body=body, headers=APPLY)

    def delete(self, path: str, *, uid: str = "") -> dict[str, Any]:
        """Delete it, where it still is the one that was seen (409 where it is not)."""
        body = {"preconditions": {"uid": uid}} if uid else {}
        return self._call("DELETE", path, {}, body=body)

    def list_metadata(self, path: str, **query: str | int) -> dict[str, Any]:
        return self._call("GET", path, query, headers=METADATA_LIST)

    def pages(
        self, path: str, *, metadata: bool = False, labels: str = "", fields: str = ""
    ) -> Iterator[Any]:
        """A long list in parts: yields each part's object; all parts are of one revision."""
        token = ""
        query: dict[str, str | int] = {"limit": 500}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            asked = dict(query)
            asked |= {"continue": token} if token else {}
            part = self._call("GET", path, asked, headers=METADATA_LIST if metadata else JSON)
            yield part
            token = part["metadata"].get("continue", "")
            if not token:
                return

    def watch(
        self,
        path: str,
        *,
        revision: str,
        metadata: bool,
        lasts_s: int,
        silence_s: float,
        **query: str,
    ) -> Stream:
        """Listen from `revision` on, until the server ends it after about `lasts_s`.

        Gone, ApiError, DriverUnavailable, here or while it is read; also where nothing at all,
        bookmarks included, came for `silence_s`.
        """
        asked: dict[str, str | int] = {
            **query,
            "watch": 1,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": lasts_s,
            "resourceVersion": revision,
        }
        headers = METADATA if metadata else JSON
        self._breaker.check()
        with translated(self._breaker):
            answer = self._request(
                "GET", path, asked, None, headers=headers, timeout_s=(CALL_S[0], silence_s)
            )
            if answer.status != 200:
                self._refuse(answer)
            self._breaker.worked()
        return Stream(answer)

    # --- Below ----------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = JSON,
    ) -> dict[str, Any]:
        self._breaker.check()
        with translated(self._breaker):
            answer = self._request(method, path, query, body, headers=headers, timeout_s=CALL_S)
            try:
                if answer.status >= 300:
                    self._refuse(answer)
                content = answer.read()
            finally:
                answer.release_conn()
            self._breaker.worked()
        return orjson.loads(content) if content else {}

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None,
        *,
        headers: Mapping[str, str],
        timeout_s: tuple[float, float],
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self._host}{path}?{urlencode(query)}" if query else f"{self._host}{path}"
        return self._api.rest_client.pool_manager.request(
            method,
            url,
            body=None if body is None else orjson.dumps(body),
            headers={**headers, **self._authorization()},
            timeout=urllib3.Timeout(connect=timeout_s[0], read=timeout_s[1]),
            preload_content=False,
            redirect=False,
        )

    def _authorization(self) -> dict[str, str]:
        """The token, read anew now and then: it is rotated long before it ends."""
        now_s = time.monotonic()
        with self._tokens:
            if now_s > self._read_again_s:
                value = self._configuration.get_api_key_with_prefix("authorization")
                if value is None:
                    value = self._configuration.get_api_key_with_prefix("BearerToken")
                self._headers = {"User-Agent": _AGENT} | (
                    {"Authorization": value} if value else {}
                )
                self._read_again_s = now_s + TOKEN_S
            return self._headers

    def _refuse(self, answer: urllib3.BaseHTTPResponse) -> None:
        """Raise what this answer means."""
        status, text = answer.status, answer.read(64_000).decode(errors="replace")
        reason, message = answer.reason or "", text[:500]
        try:
            said = json.loads(text)
            reason, message = said.get("reason", reason), said.get("message", message)
        except (ValueError, AttributeError):
            pass
        if status == 410:
            raise Gone(status, reason, message)
        if status == 429 or status >= 500 or status == 401:
            after_s = seconds(answer.headers.get("Retry-After"))
            raise Away(f"{status} {reason}: {message}", after_s)
        self._breaker.worked()
        raise ApiError(status, reason, message)


_AGENT = "atelier"


class Stream:
    """An open watch: yields `(type, object)`. May be ended from another thread."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        with translated(None):
            yield from _events(self._answer)

    def shutdown(self) -> None:
        """Whoever reads it comes to an end at once."""
        with suppress(Exception):
            self._answer.shutdown()

    def close(self) -> None:
        """A half-read stream is of no use to the next caller: its connection goes."""
        self._answer.close()


def _events(answer: urllib3.BaseHTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lines of a watch. Gone, DriverUnavailable for what is no event."""
    rest = b""
    for chunk in answer.stream(65536, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not line:
                continue
            try:
                event = orjson.loads(line)
                kind, thing = event["type"], event["object"]
            except (ValueError, KeyError, TypeError) as error:
                raise DriverUnavailable(f"watch: no event: {line[:80]!r}") from error
            if kind == "ERROR":
                raise_status(thing)
            yield kind, thing


def _socket_options() -> list[tuple[int, int, int]]:
    return [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS),
    ]
