"""Trials of a spot."""

from collections.abc import Sequence
from typing import Protocol

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.spot_trials import SpotTrial, TrialScore
from modicum_server.ports.lists import Keyed


class SpotTrials(Protocol):
    """Trials of a spot. A plan never changes."""

    async def get(self, name: str) -> SpotTrial | None: ...
    async def lock(self, name: str) -> SpotTrial | None:
        """Get it; no other transaction changes it before this one ends."""

    async def create(self, trial: SpotTrial) -> SpotTrial: ...
    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[SpotTrial]]:
        """Newest first."""

    async def delete(self, name: str) -> None: ...
    async def open_count(self, project: str) -> int:
        """How many of the project wait or are at work."""

    async def add_scores(self, name: str, model_version: str, scores: Sequence[TrialScore]) -> None:
        """Store what a version says. The caller holds the trial."""

    async def succeed(self, name: str) -> None: ...
    async def fail(self, name: str, failure: AuditFailure) -> None: ...
    async def cancel(self, name: str) -> None: ...
