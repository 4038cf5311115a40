"""Entries of the operator for the tests' own server."""

from dataclasses import replace

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.domain.models import Endpoint
from modicum_server.endpoints.adding import entry_of

NAME, PROJECT = "halves", "default"
VERSION = f"projects/{PROJECT}/models/net/versions/1"


class Kept:
    """Entries in memory."""

    def __init__(self, *entries):
        self.kept = list(entries)

    async def entries(self):
        return self.kept


def asked(url, **changes):
    entry = EndpointEntry(
        name=NAME, url=url, addresses=(), projects=(PROJECT,), claim="", input_name="", output_name=""
    )
    return replace(entry, **{"requests_per_second": 10_000.0, **changes})


async def added(url, **changes):
    """The entry as the command makes it, and the source of a version that asks for it."""
    entry = await entry_of(asked(url, **changes))
    return entry, Endpoint(entry.name, entry.claim)
