"""Whose address a call counts for: that of its connection, or the one that a trusted proxy names."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED_FOR = "x-forwarded-for"
#: Headers that only a proxy adds to a request.
MARKS_OF_PROXIES = ("forwarded", "via", FORWARDED_FOR, "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_WITH_PORT = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<plain>[^:]*))(?::[0-9]{1,5})?", re.ASCII)


class TrustedProxies:
    """The proxies whose header names the caller. By default there are none."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Take addresses and networks.

        Raises:
            ValueError: one of them is neither, or a network holds every address.
        """
        self._networks = [_network(name) for name in names]

    def caller(self, peer: str, forwarded: Iterable[str]) -> str:
        """Return the address of the caller.

        The header is read from the right, where each proxy adds the address that called it. Trusted addresses are
        skipped, and the first other one is the caller's. An entry that is not an address ends the reading: the entry
        before it counts.

        Args:
            peer: address of the other side of the connection. Only a trusted one is asked further.
            forwarded: the values of `FORWARDED_FOR`, in their order.
        """
        here = _address(peer)
        if here is None:
            return peer
        if self._networks and self._trusts(here):
            for entry in _entries_from_right(forwarded):
                before = _address(_without_port(entry))
                if before is None:
                    break
                here = before
                if not self._trusts(here):
                    break
        return str(here)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _network(name: str) -> Network:
    try:
        network = ipaddress.ip_network(name)
    except ValueError:
        raise ValueError(
            f"expected addresses and networks such as 10.0.0.7, 10.0.0.0/8 or fd00::/8, got {name[:80]!r}"
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f"{name} holds every address, so every caller could name another one; name the proxies")
    return network


def _entries_from_right(values: Iterable[str]) -> Iterator[str]:
    rest: str | None = ",".join(values)
    while rest:
        head, comma, entry = rest.rpartition(",")
        yield entry.strip()
        rest = head if comma else None


def _without_port(entry: str) -> str:
    """Return the address in `10.0.0.7:4711` or `[fd00::7]:4711`. A bare address of IPv6 has no port."""
    parts = _WITH_PORT.fullmatch(entry)
    if parts is None:
        return entry
    return parts["plain"] if parts["bracketed"] is None else parts["bracketed"]


def _address(text: str) -> Address | None:
    """Return the address; an address of IPv4 that is written as one of IPv6 (`::ffff:10.0.0.7`) is that of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
