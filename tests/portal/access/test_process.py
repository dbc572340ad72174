"""The gateway as a process: how it starts, refuses to start, and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from portal.access import hosts
from tests.portal.access.world import KEY, World
from tests.running import ROOT, eventually, free_port

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def start(**settings: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATELIER_", "DJANGO_"))}
        env = kept | {"ATELIER_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)} | settings
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.access.gateway"],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answers(port: int, address: str = "127.0.0.1") -> bytes:
    try:
        with socket.create_connection((address, port), 1) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return one.recv(12)
    except OSError:
        return b""


def test_it_needs_neither_django_nor_the_rest_of_the_house() -> None:
    code = (
        "import sys, portal.access.gateway.__main__\n"
        "rooms = {'django', 'celery', 'psycopg', 'billing', 'provisioner'}\n"
        "print(sorted(rooms & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_it_listens_on_both_loopback_addresses_and_stops_at_once(start: Start) -> None:
    port = free_port()
    process = start(ATELIER_GATEWAY_PORT=str(port), ATELIER_GATEWAY_KEY="key")
    eventually(lambda: answers(port) == b"HTTP/1.1 421", what="it answers")
    if socket.has_dualstack_ipv6():
        assert answers(port, "::1") == b"HTTP/1.1 421"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 3


def test_in_a_container_it_listens_where_it_is_told_and_says_that_it_is_well(start: Start) -> None:
    port = free_port()
    start(ATELIER_GATEWAY_PORT=str(port), ATELIER_GATEWAY_KEY="key", ATELIER_LISTEN="127.0.0.2")
    eventually(lambda: answers(port, "127.0.0.2"), what="it answers")
    assert answers(port) == b""
    with urllib.request.urlopen(f"http://127.0.0.2:{port}/healthz", timeout=5) as answer:
        assert answer.status == 200


def test_a_taken_port_is_said_and_is_the_end(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(ATELIER_GATEWAY_PORT=str(port), ATELIER_GATEWAY_KEY="key")
        _out, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"127.0.0.1 port {port}" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "gateway-key"),
        ({"ATELIER_GATEWAY_KEY": "k", "ATELIER_GATEWAY_PORT": "eight"}, "ATELIER_GATEWAY_PORT"),
        ({"ATELIER_GATEWAY_KEY": "k", "ATELIER_PORT": "0"}, "ATELIER_PORT"),
        ({"ATELIER_GATEWAY_KEY": "k", "ATELIER_LISTEN": "everywhere"}, "ATELIER_LISTEN"),
        ({"ATELIER_GATEWAY_KEY": "k", "ATELIER_DESK_ORIGIN": "http://x"}, "ATELIER_DESK_ORIGIN"),
    ],
)
def test_a_wrong_setting_is_named(start: Start, settings: dict[str, str], word: str) -> None:
    process = start(**settings)
    _out, said = process.communicate(timeout=20)
    assert process.returncode == 2
    assert word in said and "Traceback" not in said


def test_it_says_goodbye(start: Start, world: World, tmp_path: Path) -> None:
    """A browser at work is told that we go away, not that it was thrown out."""
    port = free_port()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "gateway-key").write_text(KEY + "\n")
    process = start(ATELIER_GATEWAY_PORT=str(port), ATELIER_PORT=str(world.portal.port))
    eventually(lambda: answers(port), what="it answers")
    origin = hosts.origin(f"http://d-{{id}}.localhost:{port}", world.desk)

    async def at_work() -> int | None:
        headers = {
            "Host": origin.removeprefix("http://"),
            "Origin": origin,
            "Cookie": world.cookie(),
        }
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"http://127.0.0.1:{port}/", headers=headers) as ws,
        ):
            await ws.send_str("hello")
            assert await ws.receive_str(timeout=5) == "hello"
            process.send_signal(signal.SIGTERM)
            await ws.receive(timeout=5)
            return ws.close_code

    assert asyncio.run(at_work()) == 1001
    assert process.wait(10) == 0
