"""The trail (audit log) of a project: what use cases write into it, and what its admins read."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import OPERATOR, SERVER, NewTrailEntry, TrailEntry, Verb
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.filters import trail_filter
from modicum_server.usecases.pages import LARGE_NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check

ENTRY_BYTES = 2048
"""What an entry's message takes at most, but for a long `detail`."""
PROJECT_PARTS = 2

#: What the operator of the server does, in its own shell.
THE_OPERATOR = Principal(OPERATOR, roles={})


async def record(transaction: Transaction, who: Principal, verb: Verb, resource: str, detail: str = "") -> None:
    """Write into the trail of the resource's project that this was done, in the transaction that does it.

    `resource` is a name such as `projects/p/audits/a`; one outside a project goes into the trail of the server.
    """
    await transaction.trail.write(_entry(who, verb, resource, detail))


async def record_all(transaction: Transaction, who: Principal, verb: Verb, resources: Iterable[str]) -> None:
    """Write an entry for each resource, as `record` does for one."""
    await transaction.trail.write(*(_entry(who, verb, resource) for resource in resources))


def _entry(who: Principal, verb: Verb, resource: str, detail: str = "") -> NewTrailEntry:
    return NewTrailEntry(
        project=_project_in(resource),
        principal=who.name,
        token_id=who.token_id,
        verb=verb,
        resource=resource,
        detail=detail,
        request_id=who.origin.request_id,
        client_address=who.origin.client_address,
    )


@dataclass(frozen=True, slots=True)
class AskedEntries:
    """Which entries: those that fit a filter, the newest first; or `chained`, sealed ones in the order of their chain.

    `after_sequence`: with `chained`, the place of the chain behind which to begin.
    """

    filter: str = ""
    chained: bool = False
    after_sequence: int = 0


class Trail:
    """Reads the trail of a project."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, principal: Principal, parent: str, asked: AskedEntries, request: PageRequest
    ) -> Page[TrailEntry]:
        """List the entries of a project.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid, FilterInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.ADMIN)
        check("after_sequence", asked.after_sequence, "sequence")
        criteria = trail_filter(asked.filter)
        async with self._store.transaction() as transaction:
            trail = transaction.trail
            fetch = (
                partial(trail.chained, parent, criteria, asked.after_sequence)
                if asked.chained
                else partial(trail.page, parent, criteria)
            )
            return await read_page(
                request,
                f"trail of {parent}, {criteria}, {asked.chained}, {asked.after_sequence}",
                fetch,
                weigh=lambda entry: ENTRY_BYTES + 4 * len(entry.detail),
                keys=LARGE_NUMBERS,
            )


def _project_in(resource: str) -> str:
    parts = resource.split("/")
    return "/".join(parts[:PROJECT_PARTS]) if parts[0] == "projects" else SERVER
