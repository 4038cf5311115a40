"""The endpoints that an operator granted to projects."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.errors import DependencyUnavailable, InvalidArgument


class EndpointUnknown(InvalidArgument):
    """The project has no endpoint of this name. The server's operator adds one with `modicum-server endpoint add`."""


class EndpointsUnreadable(DependencyUnavailable):
    """The operator's file of endpoints cannot be read. The server's log says why."""

    def __init__(self, why: str = "") -> None:
        """Take why, for the operator's log alone."""
        super().__init__()
        self.why = why


class EndpointEntries(Protocol):
    """The operator's entries. They hold no secrets."""

    async def entries(self) -> Sequence[EndpointEntry]:
        """Read them anew; none where the operator made none.

        Raises:
            EndpointsUnreadable
        """
