"""Verdicts that are stored: read, listed, deleted. `judging` makes them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.domain.verdicts import UsedPolicy, Verdict
from modicum_server.errors import ArtifactNotFound, VerdictNotFound
from modicum_server.ports import ArtifactStore, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.filters import verdict_filter
from modicum_server.usecases.held_resources import refuse_held
from modicum_server.usecases.pages import LARGE_NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.stored_results import read_document, read_whole
from modicum_server.usecases.trail import record

FIXED_BYTES = 1024


class Verdicts:
    """Reads and deletes verdicts."""

    def __init__(self, store: Store, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    async def get(self, principal: Principal, name: str) -> Verdict:
        """Get a verdict.

        Raises:
            FieldInvalid, ProjectNotFound, VerdictNotFound
        """
        authorise(principal, project_of("verdict", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await require_verdict(transaction, name)

    async def document(self, principal: Principal, verdict: Verdict) -> Mapping[str, Any]:
        """Return the whole verdict, with every check, as `modicum.gate` wrote it.

        Raises:
            ProjectNotFound, ArtifactNotFound
        """
        authorise(principal, project_of("verdict", verdict.name), Role.VIEWER)
        return await read_document(self._artifacts, verdict.document_digest)

    async def policy_text(self, principal: Principal, verdict: Verdict) -> str:
        """Return the policy of a verdict; empty where it is no longer stored.

        Raises:
            ProjectNotFound
        """
        authorise(principal, project_of("verdict", verdict.name), Role.VIEWER)
        try:
            return (await read_whole(self._artifacts, verdict.policy_digest)).decode(errors="replace")
        except ArtifactNotFound:
            return ""

    async def page(self, principal: Principal, parent: str, filter_text: str, request: PageRequest) -> Page[Verdict]:
        """List the verdicts of a project, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid, FilterInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        criteria = verdict_filter(filter_text)
        async with self._store.transaction() as transaction:
            return await read_page(
                request,
                f"verdicts of {parent}, {criteria}",
                partial(transaction.verdicts.page, parent, criteria),
                weigh=_bytes_of,
                keys=LARGE_NUMBERS,
            )

    async def policies(self, principal: Principal, parent: str, request: PageRequest) -> Page[UsedPolicy]:
        """List the policies by which verdicts of a project were made, the last used first.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await read_page(
                request,
                f"policies of {parent}",
                partial(transaction.verdicts.policies, parent),
                keys=LARGE_NUMBERS,
            )

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a verdict. Only an admin may: whoever asked for a verdict cannot take it back.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, VerdictNotFound, ResourceHeld
        """
        project = project_of("verdict", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            await transaction.erasures.take_turn(project)
            await require_verdict(transaction, name)
            await refuse_held(transaction, [name])
            await transaction.verdicts.delete(name)
            await record(transaction, principal, Verb.DELETE_VERDICT, name)


async def require_verdict(transaction: Transaction, name: str) -> Verdict:
    """Get a verdict.

    Raises:
        VerdictNotFound
    """
    verdict = await transaction.verdicts.get(name)
    if verdict is None:
        raise VerdictNotFound(f"{name}: there is no verdict with this name", name=name)
    return verdict


def _bytes_of(verdict: Verdict) -> int:
    """Estimate the bytes of a verdict's message."""
    texts = (f"{rule.title}{rule.requirement}{rule.worst.reason}{rule.worst.waived}" for rule in verdict.rules)
    return FIXED_BYTES + sum(FIXED_BYTES + 4 * len(text) for text in texts)
