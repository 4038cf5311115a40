"""Workers that are there, and what they can build."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.buildable import Families
from modicum_server.errors import FailedPrecondition


class ArchitectureUnavailable(FailedPrecondition):
    """No running worker has the package that builds this architecture."""


class Workers(Protocol):
    """Workers. One that was not seen for a minute counts as gone."""

    async def seen(self, name: str) -> None:
        """Note that it is there."""

    async def publish(self, name: str, families: Families) -> None:
        """Store what it can build, and that it is there."""

    async def leave(self, name: str) -> None:
        """Forget it."""

    async def buildable(self) -> Sequence[Families | None]:
        """What the workers that are there can build, equal ones once; None for those that have not looked yet."""
