"""The files of a desktop that rests, in a pod: their server, and the guard in front of its port.

Ends with the server, which ends when nobody has asked for anything for a while.
"""

from __future__ import annotations

import asyncio
import sys

import apps


async def main() -> int:
    server = await asyncio.create_subprocess_exec(*apps.files_server(), "--alone")
    guard = asyncio.create_task(apps.open_up(apps.FILES, dict(apps.listed())[apps.FILES]))
    code = await server.wait()
    guard.cancel()
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
