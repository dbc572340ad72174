"""The web process: uvicorn on the sockets that the supervisor bound; in a container on its own.

The supervisor keeps them open, so that a restart of the web process refuses nobody.
"""

from __future__ import annotations

import os
import sys

import uvicorn

from portal import listening


def main() -> None:
    # settings.py keeps no database connection open in a process of this name: each request may
    # run in another thread.
    sys.argv[0] = "uvicorn"
    config = uvicorn.Config(
        "portal.asgi:application",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    try:
        sockets = listening.sockets(int(os.environ.get("ATELIER_PORT") or 8000))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"web: {getattr(error, 'strerror', None) or error}\n")
        raise SystemExit(1) from None
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
