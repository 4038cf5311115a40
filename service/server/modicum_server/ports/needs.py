"""What may need a person, over a whole project."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from modicum_server.domain.audits import Audit
from modicum_server.domain.needs import PossibleNeed


class Needs(Protocol):
    """What may need a person."""

    async def models(
        self, project: str, *, found: Collection[str], looked_through: int, limit: int
    ) -> list[PossibleNeed]:
        """At most `limit` models of a project, the newest first.

        Their newest version was rejected, their newest verdict is INCONCLUSIVE, a FAIL stands of their newest version
        or of one that the newest verdict is on, or one of their newest `looked_through` SUCCEEDED audits may have
        `found` one of these outcomes, and nobody judged the model since it ended.
        """

    async def failed(self, project: str, *, since: datetime, limit: int) -> list[PossibleNeed]:
        """At most `limit` audits that FAILED after a time, newest first; not those whose models all SUCCEEDED since."""

    async def audits(self, names: Sequence[str]) -> list[Audit]:
        """Those of these audits that exist."""
