"""How often one token, or one visitor without one, may ask.

Counted in Valkey, in windows of a minute. Where Valkey does not answer, nobody is held up: the
limit protects from clumsiness, and people's work is more precious than the count.
"""

from __future__ import annotations

import logging
from time import time as now

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from portal.accounts.permissions import Actor

log = logging.getLogger(__name__)

WINDOW_S = 60
SAFE = ("GET", "HEAD")
# In a window. A desktop may be watched closely while it starts; a launch is never in a hurry.
READS = 6000
WRITES = 600
VISITS = 1200  # without a token, by address


class Throttle(BaseThrottle):
    """Reads and writes are counted apart: a busy watcher can still stop its desktop."""

    def __init__(self) -> None:
        self._wait_s: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        kind, who, most = _counted(request)
        window, passed_s = divmod(now(), WINDOW_S)
        key = f"api:{kind}:{who}:{int(window)}"
        try:
            cache.add(key, 0, timeout=2 * WINDOW_S)
            count = cache.incr(key)
        except (RedisError, OSError, ValueError) as error:
            log.warning("requests are not counted: %s", error)
            return True
        self._wait_s = WINDOW_S - passed_s
        return count <= most

    def wait(self) -> float | None:
        return self._wait_s


def _counted(request: Request) -> tuple[str, str, int]:
    """What is counted, for whom, and how much of it is too much."""
    actor = request.auth
    if not isinstance(actor, Actor) or actor.api_token is None:
        return "visit", _address(request), VISITS
    who = str(actor.api_token.id)
    return ("read", who, READS) if request.method in SAFE else ("write", who, WRITES)


def _address(request: Request) -> str:
    try:
        return str(get_adapter().get_client_ip(request._request))
    except PermissionDenied:
        return "unknown"
