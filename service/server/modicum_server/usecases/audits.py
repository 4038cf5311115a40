"""Audits that exist: read, listed, stopped, cancelled, deleted. `audit_creation` creates them."""

from functools import partial

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas
from modicum_server.domain.stopping import ASKED
from modicum_server.domain.trail import Verb
from modicum_server.errors import AuditNotEnded, AuditNotFound, AuditNotStoppable, AuditNotSucceeded
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.filters import audit_filter
from modicum_server.usecases.held_resources import refuse_held
from modicum_server.usecases.models import refuse_in_use
from modicum_server.usecases.pages import LARGE_NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.retained import require_report, told_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.specifications import usual_canvas
from modicum_server.usecases.stopping import cut_scores, stop_searches
from modicum_server.usecases.trail import record


class Audits:
    """Reads, stops, cancels and deletes audits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, principal: Principal, name: str) -> Audit:
        """Get an audit.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound
        """
        authorise(principal, project_of("audit", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await require_audit(transaction, name)

    async def deleted(self, audit: Audit) -> list[str]:
        """Return sentences on what the retention of the project deleted. The caller may see the audit."""
        async with self._store.transaction() as transaction:
            return await told_of(transaction, audit)

    async def usual_canvas(self, audit: Audit) -> Canvas | None:
        """Return the canvas that an audit of these versions has unless it names one; None where a version is gone.

        The caller may see the audit.
        """
        names = audit.specification.model_versions
        async with self._store.transaction() as transaction:
            versions = await transaction.models.versions_named(names)
        return usual_canvas([versions[name] for name in names]) if set(names) <= set(versions) else None

    async def page(self, principal: Principal, parent: str, filter_text: str, request: PageRequest) -> Page[Audit]:
        """List the audits of a project, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid, FilterInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        criteria = audit_filter(filter_text)
        async with self._store.transaction() as transaction:
            return await read_page(
                request,
                f"audits of {parent}, {criteria}",
                partial(transaction.audits.page, parent, criteria),
                keys=LARGE_NUMBERS,
            )

    async def cancel(self, principal: Principal, name: str) -> Audit:
        """Cancel an audit; one that has ended is returned unchanged. Only an admin may cancel an audit of someone else.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound
        """
        authorise(principal, project_of("audit", name), Role.AUDITOR)
        async with self._store.transaction() as transaction:
            before = await require_audit(transaction, name)
            _authorise_owner(principal, before)
            if not before.state.terminal:
                await record(transaction, principal, Verb.CANCEL_AUDIT, name)
            audit = await transaction.audits.cancel(name)
        if audit is None:
            raise audit_not_found(name)
        return audit

    async def stop(self, principal: Principal, name: str, why: str = "", *, without_scores: bool = False) -> Audit:
        """End the searches of an audit with those that have begun. Only an admin may stop an audit of someone else.

        An audit past its searches is returned unchanged, unless it is to end `without_scores`, too.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotStoppable
        """
        authorise(principal, project_of("audit", name), Role.AUDITOR)
        check("why", why)
        async with self._store.transaction() as transaction:
            audit = await require_audit(transaction, name)
            _authorise_owner(principal, audit)
            if audit.specification.stopping is None:
                raise AuditNotStoppable(f"{name} was created without `stopping`; cancel it instead", name=name)
            end = cut_scores if without_scores else stop_searches
            await end(transaction, name, why or ASKED, principal.origin.cause)
            if not audit.state.terminal:
                await record(transaction, principal, Verb.STOP_AUDIT, name, why)
            return await require_audit(transaction, name)

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete an audit that has ended, whose result no other audit reuses, and that no verdict or review is about.

        Only an admin may delete an audit of someone else.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotEnded, ResourceHeld, ResourceInUse
        """
        project = project_of("audit", name)
        authorise(principal, project, Role.AUDITOR)
        async with self._store.transaction() as transaction:
            audit = await transaction.audits.lock(name)
            if audit is None:
                raise audit_not_found(name)
            _authorise_owner(principal, audit)
            if not audit.state.terminal:
                raise AuditNotEnded(f"{name} is {audit.state}; cancel it first", state=audit.state)
            users = await transaction.verdicts.of_audit(name) + await transaction.reviews.of_audit(name)
            if audit.result_digest and not audit.reused_from:
                users += await transaction.artifacts.referrers(project, audit.result_digest)
            await refuse_held(transaction, [name])
            refuse_in_use(name, [user for user in dict.fromkeys(users) if user != name])
            await transaction.audits.delete(name)
            await record(transaction, principal, Verb.DELETE_AUDIT, name)


def _authorise_owner(principal: Principal, audit: Audit) -> None:
    if audit.principal != principal.name:
        authorise(principal, project_of("audit", audit.name), Role.ADMIN)


def audit_not_found(name: str) -> AuditNotFound:
    """Return the error for an audit that does not exist."""
    return AuditNotFound(f"{name}: there is no audit with this name", name=name)


async def require_audit(transaction: Transaction, name: str) -> Audit:
    """Get an audit.

    Raises:
        AuditNotFound
    """
    audit = await transaction.audits.get(name)
    if audit is None:
        raise audit_not_found(name)
    return audit


def require_succeeded(audit: Audit) -> None:
    """Refuse an audit without a result.

    Raises:
        AuditNotSucceeded: says in which state it is, or why it failed.
        RetentionPassed: its result was deleted.
    """
    if audit.state is not AuditState.SUCCEEDED:
        why = f" ({audit.failure.reason}: {audit.failure.detail})" if audit.failure else ""
        raise AuditNotSucceeded(f"{audit.name} is {audit.state}{why}, so it has no result", state=audit.state)
    require_report(audit)
