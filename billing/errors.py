"""Everything that can go wrong in the counting room.

BillingError
├── UnknownCurrency   we do not know how it is written
└── UnknownPlan       the price book does not name it
"""

from __future__ import annotations


class BillingError(Exception):
    """Root of this room's errors."""


class UnknownCurrency(BillingError):
    """Not one of `money.CURRENCIES`."""


class UnknownPlan(BillingError, LookupError):
    """The price book holds no price for this plan."""
