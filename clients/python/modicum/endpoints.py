"""Where a server is and what to say to be let in: addresses, TLS, tokens. Opens no connection."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from modicum.errors import InsecureAddress, InvalidArgument

DEFAULT_PORT = 7400
FORMS = "expected host:port, or https://host:port for TLS"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's gRPC address. `token` is not shown when it is printed."""

    host: str
    port: int
    tls: bool = False
    token: str = field(default="", repr=False)

    @property
    def target(self) -> str:
        """What a gRPC channel is opened to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether bytes to it stay on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parsed_endpoint(address: str, token: str = "") -> Endpoint:
    """The endpoint that an address names; the port is 7400 where none is given.

    Raises:
        InvalidArgument: the address is not host:port, http://host:port or https://host:port.
    """
    scheme, _, rest = address.strip().rpartition("://")
    if scheme not in {"", "http", "https"}:
        raise InvalidArgument(f"address {address!r}: {FORMS}, not the scheme {scheme!r}")
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
        raise InvalidArgument(f"address {address!r}: the port is a number from 1 to 65535, not {port!r}")
    return host, int(port or DEFAULT_PORT)


def refuse_token_of_no_header(endpoint: Endpoint) -> None:
    """Refuse a token that no call can carry. What is said shows one character of it at most.

    Raises:
        InvalidArgument: it holds anything but visible ASCII characters.
    """
    if unfit := re.search("[^!-~]", endpoint.token):
        raise InvalidArgument(
            "token: expected ASCII letters, digits and marks, no blank and no line break, got "
            f"U+{ord(unfit.group()):04X} in place {unfit.start() + 1} of {len(endpoint.token)}; set MODICUM_TOKEN, or "
            "token=, to what `modicum-server token create` printed"
        )


def refuse_clear_token(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to send a token in clear beyond this machine, unless MODICUM_INSECURE=1.

    Raises:
        InsecureAddress: it would.
    """
    if endpoint.token and not (endpoint.tls or endpoint.loopback or environment.get("MODICUM_INSECURE") == "1"):
        raise InsecureAddress(
            f"the token would travel in clear to {endpoint.target}: use https://{endpoint.target} (TLS), or set "
            "MODICUM_INSECURE=1 if the network between is trusted"
        )
