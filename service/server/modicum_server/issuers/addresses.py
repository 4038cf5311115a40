"""Where an issuer may be: https at public addresses, or anywhere if the operator allows that."""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

#: Addresses that a gateway translates into IPv4: the last 32 bits.
NAT64 = IPv6Network("64:ff9b::/96")
LOW_32_BITS = 2**32 - 1
PORTS = {"https": 443, "http": 80}


class AddressRefused(Exception):
    """An issuer must not be asked at this address."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host to ask, the address at which it was found, and the target of the request."""

    host: str
    port: int
    tls: bool
    target: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


async def place_of(url: str, *, private: bool) -> Place:
    """Return where to ask for a URL. Its addresses are those that were checked, so that no later look-up differs.

    Raises:
        AddressRefused: it is no https URL, or one of its addresses is not public. With `private`, addresses may be
            anything, and http is taken where all of them are loopback.
        OSError: the host is not known.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None or parts.fragment:
        raise AddressRefused("expected an https URL with a host, without user and fragment")
    port = parts.port or PORTS[parts.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    if not private and not all(map(is_public, addresses)):
        raise AddressRefused(f"{parts.hostname} has an address that is not public")
    if parts.scheme == "http" and not (private and all(ip_address(one).is_loopback for one in addresses)):
        raise AddressRefused("http is not encrypted; expected https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.hostname, port, parts.scheme == "https", target, addresses)


def is_public(text: str) -> bool:
    """Return whether an address, and the IPv4 address that it may stand for, are on the public internet."""
    address = ip_address(text.partition("%")[0])
    return all(one.is_global and not one.is_multicast for one in _meant(address))


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        inner.append(IPv4Address(int(address) & LOW_32_BITS))
    found: list[IPv4Address | IPv6Address] = [one for one in inner if one is not None]
    # a mapped address is no global one itself
    return found if address.ipv4_mapped else [address, *found]
