"""The portal as an ASGI application, for uvicorn."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# Nobody sends the portal files: forms and API calls are small. (Files go to the desktops.)
BODY_MAX = 1024 * 1024


class _TooLarge(Exception):
    pass


class SmallBodies:
    """Refuses what is larger before Django spools it to the disk of this machine."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        seen = 0

        async def measured() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_MAX:
                raise _TooLarge
            return message

        try:
            if int(declared) > BODY_MAX:
                raise _TooLarge
            await self.application(scope, measured, send)
        except _TooLarge:
            # Django reads the whole body before it begins to answer, so nothing was sent yet.
            await _refuse(send)


async def _refuse(send: Any) -> None:
    body = (
        b'{"type": "about:blank", "title": "The request is too large.", "status": 413,'
        b' "detail": "A request has at most 1 MiB.", "code": "too_large", "errors": []}'
    )
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = SmallBodies(get_asgi_application())
