"""`kill -9` at a chosen step, seen from inside: a BaseException that nothing may catch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from provisioner import lease, nudge, observer, timeline
from provisioner.drivers.kubernetes.client import Client


class Killed(BaseException):
    """The process ends here; what it had committed and sent stays."""


# What a worker or a watch does to the world or to the rows, each of them one step.
_STEPS: tuple[tuple[Any, str], ...] = (
    (Client, "_call"),
    (lease, "claim"),
    (lease, "make_due"),
    (lease, "let_rest"),
    (lease, "postpone"),
    (lease.Hold, "write"),
    (lease.Hold, "release"),
    (observer, "take_in"),
    (observer, "take_down"),
    (observer, "explain"),
    (timeline, "append"),
    (nudge, "send"),
)


class Fuse:
    """Counts the steps of this thread; blows before or after the one it is set to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self._at: int | None = None
        self._after = False
        self._thread: int | None = None
        for owner, name in _STEPS:
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name), name))

    @contextmanager
    def set(self, at: int | None, *, after: bool = False) -> Iterator[None]:
        """From here on, for this thread: die at step `at`; None counts only."""
        self.steps, self._at, self._after = [], at, after
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None

    def _wrapped(self, real: Any, name: str) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() != self._thread:
                return real(*arguments, **named)
            number = len(self.steps)
            self.steps.append(_told(name, arguments))
            if number == self._at and not self._after:
                raise Killed(self.steps[-1])
            answer = real(*arguments, **named)
            if number == self._at:
                raise Killed(self.steps[-1])
            return answer

        return step


def _told(name: str, arguments: tuple[Any, ...]) -> str:
    """As a failing test shows it."""
    if name != "_call":
        return name
    _client, method, path = arguments[:3]
    return f"{method} {path.rpartition('/namespaces/')[2]}"
