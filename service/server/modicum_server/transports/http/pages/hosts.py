"""The names under which browsers may open the pages.

A site that points its own name at this server could otherwise act with the session of whoever visits it.
"""

import re

from modicum_server.errors import HostUnknown
from modicum_server.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_NAME = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII)


class Hosts:
    """The names that are served: those of loopback, the address that is listened on, and those of the settings."""

    def __init__(self, settings: Settings) -> None:
        address = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._served = LOOPBACK | {address.lower()} | set(settings.http_hosts)

    def require(self, host: str) -> None:
        """Refuse a request for another name.

        Raises:
            HostUnknown
        """
        named = _NAME.fullmatch(host.lower())
        if named is None or named["name"] not in self._served:
            raise HostUnknown(
                f"this server does not serve its pages as {host[:80]!r}; open them as localhost, or let the operator "
                "add the name to MODICUM_HTTP_HOSTS"
            )


def is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine itself, so that an address of it opens nowhere else."""
    named = _NAME.fullmatch(host.lower())
    return named is not None and named["name"] in LOOPBACK


def port_of(host: str) -> str:
    """Return the port in a Host header, in digits; empty where it has none."""
    named = _NAME.fullmatch(host.lower())
    return "" if named is None else named["port"] or ""
