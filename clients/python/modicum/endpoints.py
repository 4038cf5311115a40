"""Addresses, TLS and tokens of a server. Opens no connection."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modicum.errors import InsecureAddress, InvalidArgument

DEFAULT_PORT = 7400
FORMS = "expected host:port, or https://host:port for TLS"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The gRPC address of a server. Printing it does not show the token."""

    host: str
    port: int
    tls: bool = False
    token: str = field(default="", repr=False)

    @property
    def target(self) -> str:
        """The target of a gRPC channel."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(endpoint: Endpoint) -> str:
    """The address of a server as a URL, by which identity tokens name it."""
    return f"{'https' if endpoint.tls else 'http'}://{endpoint.target}"


def parsed_endpoint(address: str, token: str = "") -> Endpoint:
    """The endpoint of an address. The default port is 7400.

    Raises:
        InvalidArgument: the address is not host:port, http://host:port or https://host:port.
    """
    scheme, _, rest = address.strip().rpartition("://")
    if scheme not in {"", "http", "https"}:
        raise InvalidArgument(f"address {address!r}: {FORMS}; got the scheme {scheme!r}")
    host, port = _host_and_port(rest.rstrip("/"), address)
    return Endpoint(host, port, tls=scheme == "https", token=token)


def _host_and_port(text: str, address: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, after = text[1:].partition("]")
        port = after.removeprefix(":")
    elif text.count(":") > 1:
        raise InvalidArgument(f"address {address!r}: write an IPv6 address as [address]:port")
    else:
        host, _, port = text.partition(":")
    if not host or "/" in host:
        raise InvalidArgument(f"address {address!r}: {FORMS}")
    if port and not (port.isdigit() and 0 < int(port) < 2**16):
        raise InvalidArgument(f"address {address!r}: expected a port from 1 to 65535, got {port!r}")
    return host, int(port or DEFAULT_PORT)


def configured_token(environment: Mapping[str, str] = os.environ) -> str:
    """The token in MODICUM_TOKEN, else in the file that MODICUM_TOKEN_FILE names; empty if neither is set.

    Raises:
        InvalidArgument: the file cannot be read, or is empty.
    """
    file = environment.get("MODICUM_TOKEN_FILE", "")
    if environment.get("MODICUM_TOKEN") or not file:
        return environment.get("MODICUM_TOKEN", "")
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"MODICUM_TOKEN_FILE: {file}: {getattr(error, 'strerror', 'it is no text')}") from error
    if not token:
        raise InvalidArgument(f"MODICUM_TOKEN_FILE: {file}: it is empty; write a token into it")
    return token


def refuse_malformed_token(endpoint: Endpoint) -> None:
    """Refuse a token that a header cannot carry. The message shows at most one character of it.

    Raises:
        InvalidArgument: it has characters that are not visible ASCII.
    """
    if unfit := re.search("[^!-~]", endpoint.token):
        raise InvalidArgument(
            "token: expected visible ASCII characters, without spaces and line breaks; got "
            f"U+{ord(unfit.group()):04X} at position {unfit.start() + 1} of {len(endpoint.token)}; set "
            "MODICUM_TOKEN, or token=, to what `modicum-server token create` printed"
        )


def refuse_unencrypted_token(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to send a token unencrypted over a network, unless MODICUM_INSECURE=1.

    Raises:
        InsecureAddress: the token would be sent unencrypted.
    """
    if endpoint.token and not (endpoint.tls or endpoint.loopback or environment.get("MODICUM_INSECURE") == "1"):
        raise InsecureAddress(
            f"the token would be sent unencrypted to {endpoint.target}: use https://{endpoint.target} (TLS), or set "
            "MODICUM_INSECURE=1 if you trust the network"
        )
