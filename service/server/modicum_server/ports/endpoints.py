"""The endpoints that an operator granted to projects."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.errors import InvalidArgument


class EndpointUnknown(InvalidArgument):
    """The project has no endpoint of this name. The server's operator adds one with `modicum-server endpoint add`."""


class EndpointEntries(Protocol):
    """The operator's entries. They hold no secrets."""

    async def entries(self) -> Sequence[EndpointEntry]:
        """Read them anew; none where the operator made none.

        Raises:
            DependencyUnavailable: they cannot be read.
        """
