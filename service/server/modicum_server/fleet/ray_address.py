"""Where Ray's head is, and whether what is said there is private. Ray itself is not needed to tell."""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from modicum_server.usecases.fleet_errors import RayAddressInvalid, RayAway, RayNotPrivate

ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]{1,253}):(?P<port>[0-9]{1,5})", re.ASCII)
LARGEST_PORT = 65535
#: What Ray needs to encrypt. It reads them in every one of its processes.
TLS_FILES = ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
ANSWER_SECONDS = 5.0
#: An address of no machine (RFC 5737): which of ours would be used to reach it?
SOMEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True, slots=True)
class RayAddress:
    """The address of Ray's head, as `ray start --head` prints it."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "RayAddress":
        """Read HOST:PORT.

        Raises:
            RayAddressInvalid
        """
        found = ADDRESS.fullmatch(text)
        if found is None or not 0 < int(found["port"]) <= LARGEST_PORT:
            raise RayAddressInvalid(
                f"--ray: expected the HOST:PORT that `ray start --head` prints, such as 127.0.0.1:6379; got {text!r}"
            )
        return cls(found["host"].strip("[]"), int(found["port"]))

    def __str__(self) -> str:
        """Return it as Ray takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def require_private(self, environment: Mapping[str, str]) -> None:
        """Check that Ray listens on loopback alone, or encrypts and asks for certificates.

        Raises:
            RayNotPrivate
        """
        seen = self._seen_from_outside()
        if seen is None:
            return
        on = environment.get("RAY_USE_TLS", "0").lower() in {"1", "true"}
        missing = [name for name in TLS_FILES if not environment.get(name)]
        if not on or missing:
            lacking = ", ".join([*([] if on else ["RAY_USE_TLS=1"]), *missing])
            raise RayNotPrivate(
                f"--ray: Ray listens on {seen}, and without TLS anybody who reaches it can start programs on its "
                f"machines. Set {lacking} here and for every `ray start`, or give --ray-without-tls if others cannot "
                "reach its network"
            )

    @property
    def variables(self) -> dict[str, str]:
        """What Ray's library needs in the environment before it is imported: it would leave loopback otherwise."""
        return {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if is_loopback(self.host) else {}

    def _seen_from_outside(self) -> str | None:
        """Return an address that is not on loopback, at which Ray listens or may listen; None without one."""
        if not is_loopback(self.host):
            return str(self)
        for host in _own_addresses():
            with contextlib.suppress(OSError):
                socket.create_connection((host, self.port), ANSWER_SECONDS).close()
                return f"{host}:{self.port}"
        return None

    def require_answer(self) -> None:
        """Check that something listens there.

        Raises:
            RayAway
        """
        try:
            socket.create_connection((self.host, self.port), ANSWER_SECONDS).close()
        except OSError as error:
            raise RayAway(
                f"--ray: no Ray answers at {self}: {error.strerror or error}. Start it: ray start --head "
                f"--include-dashboard=false --port={self.port}"
            ) from error


def _own_addresses() -> set[str]:
    """The addresses of this machine that others reach, as far as its name and its routes tell them."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        found |= {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(SOMEWHERE)  # sends nothing
        found.add(asked.getsockname()[0])
    return {host for host in found if not is_loopback(host)}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nobody else's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
