"""Runs inside the web process: uvicorn on the sockets that the supervisor has bound.

The supervisor keeps them open, so that a restart of the web process refuses nobody.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn


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
    fds = [int(fd) for fd in os.environ["ATELIER_LISTEN_FDS"].split(",")]
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd) for fd in fds])


if __name__ == "__main__":
    main()
