"""Holds on what is evidence. What is held is not deleted, and no picture of it is erased, until it is released."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial

from modicum_server.domain.holds import Hold, NewHold
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import FieldInvalid
from modicum_server.ports import HoldExists, HoldNotFound, Store, Transaction
from modicum_server.usecases.access import authorise, may
from modicum_server.usecases.audits import audit_not_found
from modicum_server.usecases.datasets import require_dataset
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check, shown
from modicum_server.usecases.trail import record
from modicum_server.usecases.verdicts import require_verdict
from modicum_server.usecases.versions import require_version

#: What is held, by a part of its name. Every other name must be that of an audit.
KINDS: Mapping[str, str] = {"/datasets/": "dataset", "/versions/": "model version", "/verdicts/": "verdict"}


class Holds:
    """Makes, lists and releases holds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, principal: Principal, parent: str, hold_id: str, *, held: str, reason: str) -> Hold:
        """Hold an audit, a data set, a version or a verdict. A hold that is equal already is returned.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, DatasetNotFound, ModelVersionNotFound,
            VerdictNotFound, HoldExists
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.ADMIN)
        check("hold_id", hold_id, "resource_id")
        check("hold.reason", reason, "hold_reason")
        kind = next((kind for part, kind in KINDS.items() if part in held), "audit")
        if project_of(kind, held, "hold.held") != project:
            rule = f"expected an audit, a data set, a model version or a verdict of {project}, got {shown(held)}"
            raise FieldInvalid("hold.held", rule)
        new = NewHold(f"{project}/holds/{hold_id}", held, reason, principal.name)
        async with self._store.transaction() as transaction:
            await transaction.erasures.take_turn(project)  # a hold and what it forbids wait for each other
            await _keep(transaction, kind, held)
            known = await transaction.holds.on([held])
            made = await transaction.holds.add(new)
            if made not in known and _same(made, new):
                await record(transaction, principal, Verb.CREATE_HOLD, made.name, f"{held}: {reason}")
        if not _same(made, new):
            raise HoldExists(f"{new.name} exists and holds {made.held}; release it first, or choose another id")
        return made

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Hold]:
        """List the holds of a project.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.ADMIN)
        async with self._store.transaction() as transaction:
            return await read_page(request, f"holds of {parent}", partial(transaction.holds.page, parent))

    async def on(self, principal: Principal, held: str) -> Sequence[Hold]:
        """Return at most 10 holds on a resource, by name; none for who is no admin of its project."""
        project = "/".join(held.split("/")[:2])
        if not may(principal, project, Role.ADMIN):
            return ()
        async with self._store.transaction() as transaction:
            return await transaction.holds.on([held])

    async def release(self, principal: Principal, name: str) -> None:
        """Release what a hold holds.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, HoldNotFound
        """
        authorise(principal, project_of("hold", name), Role.ADMIN)
        async with self._store.transaction() as transaction:
            released = await transaction.holds.delete(name)
            if released is None:
                raise HoldNotFound(f"there is no hold {name}; `modicum holds list` shows them")
            await record(transaction, principal, Verb.DELETE_HOLD, name, f"{released.held}: {released.reason}")


async def _keep(transaction: Transaction, kind: str, held: str) -> None:
    """See that it is there, and let nobody delete it before the hold is stored."""
    match kind:
        case "audit":
            if await transaction.audits.lock(held) is None:
                raise audit_not_found(held)
        case "dataset":
            await transaction.datasets.hold([held])
            await require_dataset(transaction, held)
        case "model version":
            await require_version(transaction, held)  # who deletes it waits for the turn
        case _:
            await require_verdict(transaction, held)  # the same


def _same(made: Hold, new: NewHold) -> bool:
    """Whether they hold the same for the same reason, whoever made the first one."""
    asked = {field.name for field in fields(NewHold)} - {"creator"}
    return all(getattr(made, name) == getattr(new, name) for name in asked)
