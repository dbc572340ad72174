"""The sockets of a server process: those it was handed, or those of the addresses it is told.

ATELIER_LISTEN names addresses (both of loopback unless told otherwise); ATELIER_LISTEN_FDS hands
over sockets that a supervisor has bound already. No Django: the gateway uses it too.
"""

from __future__ import annotations

import ipaddress
import os
import socket

LOOPBACK = "127.0.0.1,::1"


def addresses(text: str) -> list[str]:
    """ValueError says which one is none."""
    return [str(ipaddress.ip_address(one.strip())) for one in text.split(",")]


def sockets(port: int) -> list[socket.socket]:
    """Bound, not yet listening. An address that somebody else holds ends us: OSError names it.

    Browsers may try either loopback address for `*.localhost`, and whoever else listened there
    would be sent the cookies.
    """
    given = os.environ.get("ATELIER_LISTEN_FDS")
    if given:
        return [socket.socket(fileno=int(fd)) for fd in given.split(",")]
    bound = []
    for address in addresses(os.environ.get("ATELIER_LISTEN") or LOOPBACK):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
            continue  # a machine without IPv6: nobody else can listen there either
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind((address, port))
        except OSError as error:
            raise OSError(error.errno, f"{address} port {port}: {error.strerror}") from None
        bound.append(one)
    return bound
