"""Puts the current membership on the request."""

from portal.middleware import CanonicalHost as CurrentMembership

__all__ = ["CurrentMembership"]
