"""What nothing refers to any more."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.collections import Collection, Unreferred


class Collections(Protocol):
    """Finds what a collection deletes, and keeps what it did. Ages are by the database's clock."""

    async def unreferred(self, *, unused_seconds: float, after: tuple[str, str], limit: int) -> list[Unreferred]:
        """Artifacts that nobody brought or asked for since, by rising project and digest behind `after`.

        These are candidates: a swap may refer to one, and another transaction may begin to.
        """

    async def is_unused(self, project: str, digest: str, *, unused_seconds: float) -> bool:
        """Whether nobody brought or asked for it since. Others wait with doing so until the transaction ends."""

    async def unheld(self, digests: Sequence[str]) -> frozenset[str]:
        """Those of these digests that no project holds."""

    async def old_requests(self, *, seconds: float) -> int:
        """How many request ids are older."""

    async def forget_requests(self, *, seconds: float, limit: int) -> int:
        """Delete at most so many request ids that are older; return how many."""

    async def note(self, collection: Collection) -> None:
        """Store what a collection did, for the metrics."""
