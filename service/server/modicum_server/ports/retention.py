"""Retention: for how long projects keep what audits leave behind."""

from typing import Protocol

from modicum_server.domain.retention import Kept, Past, Retention
from modicum_server.errors import FailedPrecondition


class RetentionPassed(FailedPrecondition):
    """The retention of the project deleted this data."""


class Retentions(Protocol):
    """Retention of projects. Ages are by the database's clock.

    Past its time is what is old enough, is not held, and is used by nothing that runs: no audit, no swap of a spot, no
    blind review with a session, no erasure.
    """

    async def get(self, project: str) -> Retention:
        """That of a project; everything is kept where there is no such project."""

    async def set(self, project: str, retention: Retention) -> None:
        """Set that of a project."""

    async def limited(self) -> list[tuple[str, Retention]]:
        """Projects that do not keep everything, by name."""

    async def past(self, project: str, kind: Kept, *, days: int, after: str, limit: int) -> list[str]:
        """Names, behind `after`, of audits or data sets that are past their time.

        Of audits with one result, the one that made it.
        """

    async def is_past(self, project: str, kind: Kept, name: str, *, days: int) -> bool:
        """Whether it is past its time. It is locked: nothing begins to need it until the transaction ends."""

    async def let_go(self, project: str, kind: Kept, name: str, *, days: int) -> Past:
        """Note that it is deleted now. Its files need no grace time any more.

        Of IMAGES, a file for which somebody asked within these days keeps its grace time.
        Rows of findings are deleted by `delete_findings`.
        """

    async def findings_left(self, *, limit: int) -> list[str]:
        """Names of at most so many audits whose findings were let go and that have rows of them."""

    async def delete_findings(self, audit: str, *, limit: int) -> int:
        """Delete at most so many rows of each kind of an audit; return how many."""
