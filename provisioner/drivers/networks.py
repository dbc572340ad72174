"""Networks that no desktop has business in, whatever the driver. Pure.

Private, shared, link-local and reserved ranges (IANA's special-purpose address registries, RFC
6890), and what clouds answer metadata on outside of them. Documentation ranges are left out:
nothing lives there, and tests use them for the Internet.
"""

from __future__ import annotations

PRIVATE_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carriers; Alibaba's metadata is 100.100.100.200
    "127.0.0.0/8",
    "168.63.129.16/32",  # Azure's platform address
    "169.254.0.0/16",  # link-local; metadata of most clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
PRIVATE_V6 = ("::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "fd00:ec2::254/128", "ff00::/8")
