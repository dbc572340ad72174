"""How the gateway shows the portal that it is the gateway. Pure; both sides share it.

HMAC-SHA256 over method, path, time and body. A request that was overheard is of use for a minute,
and says nothing then that was not said before: a ticket works once.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

TIME = "X-Atelier-Time"
SIGNATURE = "X-Atelier-Signature"
WINDOW_S = 60


def _signature(key: str, method: str, path: str, at: str, body: bytes) -> str:
    said = "\n".join([method, path, at, hashlib.sha256(body).hexdigest()])
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def headers(
    key: str, *, method: str, path: str, body: bytes, now: float | None = None
) -> dict[str, str]:
    at = str(int(time.time() if now is None else now))
    return {TIME: at, SIGNATURE: _signature(key, method, path, at, body)}


def verified(
    key: str,
    heard: Mapping[str, str],
    *,
    method: str,
    path: str,
    body: bytes,
    now: float | None = None,
) -> bool:
    """Whether who holds the key said exactly this, just now. Without a key nobody did."""
    at, signature = heard.get(TIME, ""), heard.get(SIGNATURE, "")
    if not key or not (at.isascii() and at.isdigit() and len(at) <= 12):
        return False
    if abs((time.time() if now is None else now) - int(at)) > WINDOW_S:
        return False
    expected = _signature(key, method, path, at, body)
    return hmac.compare_digest(expected.encode(), signature.encode())
