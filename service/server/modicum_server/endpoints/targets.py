"""Where an endpoint is: its address in parts, and the network addresses that are never contacted."""

import asyncio
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

#: By scheme, whether it is gRPC, and whether it is encrypted.
SCHEMES = {"grpc": (True, False), "grpcs": (True, True), "http": (False, False), "https": (False, True)}
TLS_PORT = 443
FORM = "SCHEME://HOST:PORT/MODEL or SCHEME://HOST:PORT/MODEL/VERSION, where SCHEME is grpc, grpcs, http or https"
#: How the paths of the protocol begin.
PREFIX = ("v2", "models")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
#: Services that tell a machine its own secrets, at addresses that are not link-local.
METADATA = frozenset(
    map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254"))
)
#: Addresses that a gateway translates into IPv4: the last 32 bits.
NAT64 = IPv6Network("64:ff9b::/96")
LOW_32_BITS = 2**32 - 1

Address = IPv4Address | IPv6Address


class TargetRefused(Exception):
    """The address of an endpoint is not valid, or must not be contacted. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Target:
    """The address of an endpoint in parts. `version` is empty where the endpoint chooses."""

    grpc: bool
    tls: bool
    host: str
    port: int
    model: str
    version: str

    @property
    def authority(self) -> str:
        """The host and the port, as they are sent."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """Return an address in parts.

    Raises:
        TargetRefused
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetRefused(f"expected {FORM}; got {url!r}") from error
    names = parts.path.strip("/").split("/")
    fits = len(names) in {1, 2} and all(map(MODEL_NAME.fullmatch, names))
    if tuple(names[:2]) == PREFIX and len(names) > len(PREFIX) and parts.scheme in SCHEMES:
        version = f"/{names[4]}" if names[3:4] == ["versions"] and len(names) > 4 else ""  # noqa: PLR2004
        short = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{names[2]}{version}"
        raise TargetRefused(f"expected {FORM}; got {url!r}; give {short}: the paths of the protocol are added to it")
    if parts.scheme not in SCHEMES or not parts.hostname or not fits or parts.query or parts.fragment:
        raise TargetRefused(f"expected {FORM}; got {url!r}")
    if parts.username is not None:
        raise TargetRefused("expected an address without a user; put a token into a file and give --credential-file")
    grpc, tls = SCHEMES[parts.scheme]
    if not tls and port is None:
        raise TargetRefused(f"expected a port after the host; got {url!r}")
    return Target(grpc, tls, parts.hostname, port or TLS_PORT, names[0], names[1] if len(names) > 1 else "")


async def resolved(target: Target) -> tuple[str, ...]:
    """Return the addresses of the host, all of which may be contacted.

    Raises:
        TargetRefused: the host is not known, or has an address that is refused.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetRefused(
            f"the host {target.host} cannot be found; correct it, or give its network address"
        ) from error
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    refuse_addresses(addresses)
    return addresses


def refuse_addresses(addresses: Iterable[str]) -> None:
    """Refuse link-local, multicast and unspecified addresses, and those of metadata services of clouds.

    Raises:
        TargetRefused: names the address.
    """
    for text in addresses:
        try:
            meant = _meant(ip_address(text.partition("%")[0]))
        except ValueError as error:
            raise TargetRefused(f"{text!r} is not an IP address") from error
        if any(map(_is_refused, meant)):
            raise TargetRefused(
                f"{text} is refused: it is a link-local, multicast or unspecified address, or a cloud's metadata "
                "service, which could reveal secrets of this machine"
            )


def refuse_open_credential(target: Target, addresses: Iterable[str], credential_file: str) -> None:
    """Refuse to send a credential over a network without encryption.

    Raises:
        TargetRefused
    """
    if credential_file and not target.tls and not all(ip_address(one).is_loopback for one in addresses):
        raise TargetRefused("a credential is sent only over TLS (grpcs, https) or to loopback; use TLS")


def _is_refused(address: Address) -> bool:
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in METADATA


def _meant(address: Address) -> list[Address]:
    """The address, and each IPv4 address that it may stand for."""
    if isinstance(address, IPv4Address):
        return [address]
    inner: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        inner.append(IPv4Address(int(address) & LOW_32_BITS))
    return [address, *(one for one in inner if one is not None)]
