"""Everything that can go wrong in the engine room.

    ProvisionerError
    ├── NotAllowedNow         the verb does not fit the desktop's present state
    └── DriverError           the world refused; carries a cause key, never a foreign exception
        ├── NoCapacity        nothing free; ask again later, the desktop is queued
        ├── SpecRejected      this will never work as asked; do not try again
        └── DriverUnavailable the world cannot be asked right now; says nothing about the desktop

`cause` is a key of the cause sentences that the portal words for people (`gpu_none_free`, …);
`detail` holds values for that sentence and, under `"log"`, technical lines for the operator.
"""

from __future__ import annotations

from typing import Any


class ProvisionerError(Exception):
    """Root of this room's errors."""


class NotAllowedNow(ProvisionerError):
    """The verb does not fit the present state, such as starting what is being deleted."""


class DriverError(ProvisionerError):
    cause: str = "driver_error"

    def __init__(self, message: str = "", *, cause: str | None = None, **detail: Any) -> None:
        super().__init__(message or cause or self.cause)
        self.cause = cause or self.cause
        self.detail = detail


class NoCapacity(DriverError):
    cause = "gpu_none_free"


class SpecRejected(DriverError):
    cause = "spec_rejected"


class DriverUnavailable(DriverError):
    cause = "driver_unavailable"
