"""Puts on every request who acts, for which tenant, in which role: `request.actor`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from portal.accounts import tenants

Next = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class CurrentMembership:
    """`request.actor` is an Actor, or None for a visitor. Costs nothing without a session."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer(request)
        request.actor = tenants.current(request)  # type: ignore[attr-defined]
        return self.get_response(request)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        request.actor = await sync_to_async(tenants.current)(request)  # type: ignore[attr-defined]
        return await cast(Awaitable[HttpResponseBase], self.get_response(request))
