"""The retention of a project: for how long it keeps what audits leave behind. `retaining` carries it out."""

from dataclasses import asdict

from modicum.gate.counting import counted

from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.retention import Kept, Retention
from modicum_server.domain.trail import Verb
from modicum_server.errors import FieldInvalid
from modicum_server.ports import Store
from modicum_server.usecases.access import authorise
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.trail import record


class Retentions:
    """Reads and sets the retention of projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, principal: Principal, parent: str) -> Retention:
        """Get that of a project.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await transaction.retention.get(parent)

    async def set(self, principal: Principal, parent: str, retention: Retention | None) -> Retention:
        """Set that of a project, in place of what was set before. None: the request has none.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.ADMIN)
        if retention is None:
            raise FieldInvalid("retention", "expected a retention, got nothing")
        for name, days in asdict(retention).items():
            check(f"retention.{name}", days, "retention_days")
        async with self._store.transaction() as transaction:
            await transaction.retention.set(project, retention)
            await record(transaction, principal, Verb.SET_RETENTION, project, retention_in_words(retention))
        return retention


def retention_in_words(retention: Retention) -> str:
    """Return what is kept for how long."""
    return ", ".join(f"{kind.lower()}: {_days_in_words(retention.days(kind))}" for kind in Kept)


def _days_in_words(days: int) -> str:
    return counted(days, "day") if days else "kept"
