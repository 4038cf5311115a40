"""Verdicts of the gate."""

from dataclasses import dataclass
from typing import Protocol

from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.ports.lists import Keyed


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """The filter of a list of verdicts; an empty string does not filter."""

    outcome: VerdictOutcome | None = None
    audit: str = ""
    model_version: str = ""


class Verdicts(Protocol):
    """Verdicts. A stored one never changes."""

    async def get(self, name: str) -> Verdict | None: ...
    async def page(self, project: str, criteria: VerdictFilter, *, after: str, limit: int) -> list[Keyed[Verdict]]:
        """Newest first."""

    async def create(self, verdict: Verdict) -> Verdict | None:
        """Store it; None when its audit is gone. The audit is not deleted until the transaction ends."""

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 verdicts on an audit."""

    async def delete(self, name: str) -> None: ...
