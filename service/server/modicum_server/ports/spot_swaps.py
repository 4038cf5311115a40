"""Swaps of a spot."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.spot_swaps import SpotSwap, SwapScore
from modicum_server.ports.lists import Keyed


class SpotSwaps(Protocol):
    """Swaps of a spot. A plan never changes."""

    async def get(self, name: str) -> SpotSwap | None: ...
    async def lock(self, name: str) -> SpotSwap | None:
        """Get it; no other transaction changes it before this one ends."""

    async def create(self, swap: SpotSwap) -> SpotSwap: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[SpotSwap]]:
        """Newest first."""

    async def delete(self, name: str) -> None: ...
    async def open_count(self, project: str) -> int:
        """How many of the project wait or are at work."""

    async def add_scores(self, name: str, model_version: str, scores: Sequence[SwapScore]) -> None:
        """Store what a version says. The caller holds the swap."""

    async def succeed(self, name: str) -> None: ...
    async def fail(self, name: str, failure: AuditFailure) -> None: ...
    async def cancel(self, name: str) -> None: ...
