"""Verdicts of the gate."""

from dataclasses import dataclass
from typing import Protocol

from modicum_server.domain.verdicts import UsedPolicy, Verdict, VerdictOutcome
from modicum_server.ports.lists import Keyed


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """The filter of a list of verdicts; an empty string does not filter."""

    outcome: VerdictOutcome | None = None
    audit: str = ""
    model_version: str = ""
    policy_digest: str = ""


class Verdicts(Protocol):
    """Verdicts. A stored one never changes."""

    async def get(self, name: str) -> Verdict | None: ...
    async def page(self, project: str, criteria: VerdictFilter, *, after: str, limit: int) -> list[Keyed[Verdict]]:
        """Newest first."""

    async def create(self, verdict: Verdict) -> Verdict | None:
        """Store it; None when its audit is gone. The audit is not deleted until the transaction ends."""

    async def policies(self, project: str, *, after: str, limit: int) -> list[Keyed[UsedPolicy]]:
        """The policies of the verdicts of a project, the last used first."""

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 verdicts on an audit."""

    async def delete(self, name: str) -> None: ...
