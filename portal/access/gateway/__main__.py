"""`python -m portal.access.gateway`: listens until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from portal.access.gateway.connection import Server
from portal.access.gateway.server import Gateway
from portal.access.gateway.settings import BadSettings, Settings
from portal.listening import sockets

STOP_WITHIN_S = 3.0
# A browser hears a refusal once it has sent all: what is still on its way is taken in for so long.
LINGERING_S = 30.0


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # A traceback for every malformed request would let anybody fill the disk.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    try:
        settings = Settings.read()
        listening = sockets(settings.port)
    except BadSettings as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"gateway: {error.strerror}\n")
        return 1
    with asyncio.Runner(loop_factory=_loop()) as runner:
        runner.run(serve(settings, listening))
    return 0


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed; nothing depends on it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def begin(gateway: Gateway, listening: list[socket.socket]) -> Callable[[], Awaitable[None]]:
    """Serve on these sockets; answers what ends it."""
    server = Server(
        gateway,
        cancel_when_gone=True,  # who hangs up waits for nothing more
        access_log=None,
        auto_decompress=False,  # bodies pass as they are
        keepalive_timeout=75,
        lingering_time=LINGERING_S,
    )
    runner = web.ServerRunner(server, shutdown_timeout=STOP_WITHIN_S)
    await runner.setup()
    for one in listening:
        await web.SockSite(runner, one, backlog=512).start()
    watching = asyncio.create_task(gateway.live.watch())

    async def end() -> None:
        watching.cancel()
        gateway.live.end_all()
        await runner.cleanup()
        await gateway.close()

    return end


async def serve(settings: Settings, listening: list[socket.socket]) -> None:
    end = await begin(Gateway(settings), listening)
    if ready := os.environ.get("ATELIER_READY_FILE"):
        Path(ready).touch()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await end()


if __name__ == "__main__":
    sys.exit(main())
