"""What it means when the API server says no, or nothing.

While it is away or says that it is overloaded, all threads of this process stop asking for a
while that grows: a cluster that comes back is not met by a crowd.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from typing import Any

import urllib3

from provisioner.errors import DriverUnavailable

FORGIVING_S = (1.0, 10.0)  # how long nobody asks, growing: never more than one request a second
PROBE_S = 5.0  # how long the first one to ask again may take before another may


class ApiError(Exception):
    """The API server answered, and it was no. `reason` as in metav1.Status."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message


class Gone(ApiError):
    """410: the revision asked from is no longer known; list again."""


class Breaker:
    """Fails fast while the API server is away; one probe passes at a time."""

    def __init__(self) -> None:
        self.failures = 0
        self._open_until_s = 0.0
        self._probe_until_s = 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        """DriverUnavailable while nobody shall ask."""
        if not self.failures:
            return
        with self._lock:
            left_s = max(self._open_until_s, self._probe_until_s) - time.monotonic()
            if left_s > 0:
                raise DriverUnavailable(f"the API server is away; asking again in {left_s:.1f} s")
            self._probe_until_s = time.monotonic() + PROBE_S  # this caller is the probe

    def worked(self) -> None:
        if self.failures:
            self.failures, self._open_until_s, self._probe_until_s = 0, 0.0, 0.0

    def failed(self, *, after_s: float | None = None) -> None:
        """Nobody asks for a while; `after_s`: the server's own wish (Retry-After)."""
        now_s = time.monotonic()
        with self._lock:
            self._probe_until_s = 0.0
            if self._open_until_s > now_s:
                return  # several were asking when it went away: that is one failure
            self.failures += 1
            shortest, longest = FORGIVING_S
            wait_s = min(longest, shortest * 2 ** min(self.failures - 1, 10))
            wait_s *= random.uniform(1.0, 1.5)  # noqa: S311 - jitter
            self._open_until_s = now_s + max(wait_s, after_s or 0.0)


class Away(Exception):
    """No answer to rely on; ask again, after so many seconds where the server said so."""

    def __init__(self, message: str, after_s: float | None) -> None:
        super().__init__(message)
        self.after_s = after_s


class translated:
    """The transport's errors in this room's words; failures open the breaker."""

    def __init__(self, breaker: Breaker | None) -> None:
        self._breaker = breaker

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Away):
            self._failed(error.after_s)
            raise DriverUnavailable(str(error)) from error
        if isinstance(error, urllib3.exceptions.HTTPError | OSError | ssl.SSLError):
            self._failed(None)
            raise DriverUnavailable(f"API server: {error}") from error

    def _failed(self, after_s: float | None) -> None:
        if self._breaker is not None:
            self._breaker.failed(after_s=after_s)


def raise_status(status: dict[str, Any]) -> None:
    code, reason = status.get("code", 500), status.get("reason", "")
    message = status.get("message", "")
    if code == 410:
        raise Gone(code, reason, message)
    raise DriverUnavailable(f"watch: {code} {reason}: {message}")


def seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
