"""What a desktop reaches through a network of its own: rules for its network namespace.

They are put there before that network is connected, so nothing is ever open for a moment, and by
root, whom nothing inside can become. Nothing on the machine itself is changed. Where they cannot
be put there, the desktop stays without a network, and its page says so.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from provisioner.drivers.networks import PRIVATE_V4, PRIVATE_V6

RESOLVER = "10.0.2.3"  # slirp4netns answers here, inside, and asks this machine's own resolver
V4, V6 = "firewall.v4", "firewall.v6"  # in the desktop's folder, for iptables-restore


def write(folder: Path, *, allowed: Iterable[str] = ()) -> None:
    """The rules for one desktop, as this machine's addresses are now.

    `allowed` are single addresses or networks that an operator opens. OSError, ValueError.
    """
    own = own_addresses()
    (folder / V4).write_text(rules(4, own=own, allowed=allowed))
    (folder / V6).write_text(rules(6, own=own, allowed=allowed))


def rules(version: int, *, own: Iterable[str], allowed: Iterable[str] = ()) -> str:
    """For `iptables-restore` (4) or `ip6tables-restore` (6): the first rule that fits decides."""
    denied = [*(PRIVATE_V4 if version == 4 else PRIVATE_V6), *_of(version, own)]
    names = [f"-A OUTPUT -d {RESOLVER} -p {how} --dport 53 -j ACCEPT" for how in ("udp", "tcp")]
    lines = [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        ":FORWARD DROP [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        "-A OUTPUT -o lo -j ACCEPT",
        *(names if version == 4 else []),
        *(f"-A OUTPUT -d {each} -j ACCEPT" for each in _of(version, allowed)),
        *(f"-A OUTPUT -d {each} -j REJECT" for each in denied),
        "COMMIT",
    ]
    return "\n".join(lines) + "\n"


def own_addresses() -> list[str]:
    """Every address of this machine. OSError where they cannot be learned."""
    done = subprocess.run(
        ["ip", "-json", "address", "show"], capture_output=True, timeout=10, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ip address: {done.stderr.decode(errors='replace').strip()}")
    links = json.loads(done.stdout or b"[]")
    return sorted({one["local"] for link in links for one in link.get("addr_info", ())})


def _of(version: int, networks: Iterable[str]) -> list[str]:
    """Those of this version, in one form. ValueError."""
    known = (ipaddress.ip_network(each, strict=False) for each in networks)
    return [str(each) for each in known if each.version == version]
