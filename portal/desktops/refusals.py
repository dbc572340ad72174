"""How an action says no."""

from __future__ import annotations


class NotFound(Exception):
    """There is no such desktop, as far as this actor is concerned."""


class Refused(Exception):
    """It cannot be done, and `message` says why in the language of the moment."""

    def __init__(
        self, code: str, message: str, *, field: str | None = None, **values: object
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.values = values
        self.message = message
