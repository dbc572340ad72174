"""A network of its own around a driver: this machine, and a world with an address of every kind.

In a fresh network namespace, `unshare --net python -m tests.provisioner.drivers.network_world DIR`
prints, as JSON, what answers on the machine itself and what answers to a desktop on it. With
`--open` the desktop's rules let everything through: without them each of these is reached.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PORT = 8080
OWN = "203.0.113.1"  # of the machine, in a documentation range: public as far as anybody can tell
OWN_SECOND = "192.0.2.77"
INTERNET = "198.51.100.7"
FOREIGN = {
    "10/8": "10.1.2.3",
    "172.16/12": "172.20.5.6",
    "192.168/16": "192.168.7.8",
    "100.64/10": "100.64.1.2",
    "a cloud's metadata": "169.254.169.254",
    "Alibaba's metadata": "100.100.100.200",
    "Azure's platform": "168.63.129.16",
    "fc00::/7": "fd00:1::2",
    "fe80::/10": "fe80::2%near0",
}
EVERYWHERE = {
    "loopback": "127.0.0.1",
    "IPv6 loopback": "::1",
    "the machine": OWN,
    "the machine's second address": OWN_SECOND,
    "the sandbox's gateway": "10.0.2.2",
    "the Internet": INTERNET,
    **FOREIGN,
}


def sh(command: str) -> None:
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def lay() -> subprocess.Popen[bytes]:
    """The machine's side of the cable, and the world at its other end. Answers the world."""
    forever = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "600"]
    world = subprocess.Popen(forever, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    here = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{world.pid}/ns/net").readlink() == here:
        assert time.monotonic() < deadline, "the world's namespace does not come"
        time.sleep(0.01)
    there = f"nsenter --net=/proc/{world.pid}/ns/net "
    sh("ip link set lo up")
    sh(f"ip link add near0 type veth peer name far0 netns {world.pid}")
    sh(f"ip address add {OWN}/24 dev near0 && ip address add {OWN_SECOND}/32 dev near0")
    sh("ip address add fe80::1/64 dev near0 nodad && ip address add fd00:1::1/64 dev near0 nodad")
    sh("ip link set near0 up")
    sh(f"{there} ip link set lo up && {there} ip address add 203.0.113.2/24 dev far0")
    sh(f"{there} ip address add fd00:1::2/64 dev far0 nodad")
    sh(f"{there} ip address add fe80::2/64 dev far0 nodad && {there} ip link set far0 up")
    for address in [INTERNET, *FOREIGN.values()]:
        if ":" not in address:
            sh(f"{there} ip address add {address} dev lo")
    sh("ip route add default via 203.0.113.2 && ip -6 route add default via fe80::2 dev near0")
    return world


def listen_everywhere() -> None:
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)

    def serve() -> None:
        while True:
            server.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()


def listen_in(world: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    code = (
        "import socket; s = socket.create_server(('::', %d), family=socket.AF_INET6,"
        " dualstack_ipv6=True); print('listening', flush=True)\nwhile True: s.accept()[0].close()"
    )
    command = ["nsenter", f"--net=/proc/{world.pid}/ns/net", sys.executable, "-c", code % PORT]
    listener = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert listener.stdout is not None
    assert listener.stdout.readline() == b"listening\n"
    return listener


KNOCK = """
import json, socket
found = {}
for name, host in json.loads(%r).items():
    try:
        socket.create_connection((host, %d), 3).close()
        found[name] = "open"
    except OSError as error:
        found[name] = "closed"
print(json.dumps(found))
"""


def knock() -> dict[str, str]:
    """What answers to this machine. Waits for IPv6 to have settled."""
    program = KNOCK % (json.dumps(EVERYWHERE), PORT)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def knock_inside(folder: Path) -> dict[str, str]:
    from tests.provisioner.drivers.local_world import LocalWorld

    world = LocalWorld(folder)
    program = KNOCK % (json.dumps(EVERYWHERE), PORT)
    orders = (
        f"cat >knock.py <<'END'\n{program}\nEND\n"
        "until grep -q tap0 /proc/net/route; do sleep 0.02; done\n"
        "/usr/bin/python3 knock.py >a; mv a answer\n"
    )
    try:
        return dict(json.loads(world.answer(world.start(orders))))
    finally:
        world.end()


def main(folder: Path, *, open_: bool) -> None:
    from provisioner.drivers.local import firewall

    world = lay()
    try:
        listener = listen_in(world)
        listen_everywhere()
        if open_:
            firewall.rules = lambda version, **_: "*filter\nCOMMIT\n"  # type: ignore[assignment]
        print(json.dumps({"machine": knock(), "desktop": knock_inside(folder)}))
        listener.kill()
    finally:
        world.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]), open_="--open" in sys.argv)
