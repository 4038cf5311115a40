"""A project at a glance: its models, what runs, what waits, and what needs a person."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.models import Model, ModelVersion
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.verdicts import Verdict
from modicum_server.ports import AuditFilter, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.model_lines import INCONCLUSIVE, ModelLine, ModelLines, OlderFinding, stored_lines
from modicum_server.usecases.needs import NeededPage, Needs
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.result_facts import Facts, VersionFacts
from modicum_server.usecases.standing_verdicts import StandingFail, standing_fail

MODELS_SHOWN = 20
AUDITS_SHOWN = 10
NEEDS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class WaitingAudit:
    """A queued audit, and how many of the project are before it."""

    audit: Audit
    ahead: int


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a project. Lists are cut; `counts` tells how many audits there are in each state."""

    running: Sequence[Audit]
    waiting: Sequence[WaitingAudit]
    counts: Mapping[AuditState, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """A project at a glance."""

    models: Page[ModelLine]
    work: Work
    needed: NeededPage

    @property
    def is_empty(self) -> bool:
        """Whether the project has neither models nor audits."""
        return not self.models.rows and not any(self.work.counts.values())


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version with its newest verdict and its newest audit; None where there is none.

    `found` is what that audit says of it; None before it ended, and where its result can no longer be read. `stands` is
    an older FAIL of the version. `before` is what an older audit found where the newest ended and says nothing.
    """

    version: ModelVersion
    verdict: Verdict | None
    audit: Audit | None
    found: VersionFacts | None = None
    stands: StandingFail | None = None
    before: OlderFinding | None = None


class Overviews:
    """Reads what pages show of a project at once."""

    def __init__(self, store: Store, lines: ModelLines, needs: Needs) -> None:
        self._store = store
        self._lines = lines
        self._needs = needs

    async def of(self, principal: Principal, project: str, request: PageRequest) -> Overview:
        """Return a project with a page of its models.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        models = await self.lines(principal, project, request)
        needed = await self._needs.page(principal, project, PageRequest(NEEDS_SHOWN))
        return Overview(models, await self.work(principal, project), needed)

    async def lines(self, principal: Principal, project: str, request: PageRequest) -> Page[ModelLine]:
        """Return a page of the models of a project, each with its newest version, verdict and audit.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            page = await _page(transaction, project, request)
            stored = await stored_lines(transaction, project, page.rows)
        return Page(tuple(await self._lines.with_findings(stored)), page.next_token)

    async def models(self, principal: Principal, project: str, request: PageRequest) -> Sequence[Model]:
        """Return the models that `of` shows for the same request.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return (await _page(transaction, project, request)).rows

    async def work(self, principal: Principal, project: str) -> Work:
        """Return the work of a project alone.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await _work(transaction, project)

    async def versions(self, principal: Principal, project: str, versions: Sequence[ModelVersion]) -> list[VersionLine]:
        """Return versions of a project, each with its newest verdict and audit.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        names = [version.name for version in versions]
        async with self._store.transaction() as transaction:
            verdicts = await transaction.overviews.verdicts_of_versions(project, names)
            fails = await transaction.overviews.standing_fails(project, names)
            audits = await transaction.overviews.audits_of_versions(project, names)
            deciding = await transaction.overviews.deciding_audits_of_versions(project, names)
        read = list(audits.values())
        lines = [
            VersionLine(
                one,
                verdicts.get(one.name),
                audits.get(one.name),
                stands=standing_fail([one.name], verdicts.get(one.name), fails, read),
            )
            for one in versions
        ]
        return await asyncio.gather(*(self._with_found(line, deciding.get(line.version.name)) for line in lines))

    async def facts(self, audit: Audit) -> Facts:
        """Return what the result of an audit says of each version, by name. The caller may see the audit."""
        return await self._lines.facts(audit)

    async def _with_found(self, line: VersionLine, deciding: Audit | None) -> VersionLine:
        if line.audit is None:
            return line
        found = (await self.facts(line.audit)).get(line.version.name)
        says_nothing = line.audit.state.terminal and (found is None or found.outcome == INCONCLUSIVE)
        older = [deciding] if says_nothing and deciding is not None and deciding.name != line.audit.name else []
        return replace(line, found=found, before=await self._lines.found_before(older, line.version.name))


async def _page(transaction: Transaction, project: str, request: PageRequest) -> Page[Model]:
    return await read_page(
        PageRequest(request.size or MODELS_SHOWN, request.token),
        f"models of {project}",
        partial(transaction.models.page, project),
    )


async def _work(transaction: Transaction, project: str) -> Work:
    counts = await transaction.overviews.count_by_state(project)
    running = await _newest(transaction, project, AuditState.RUNNING)
    waiting = await transaction.overviews.waiting(project, limit=AUDITS_SHOWN)
    before = await transaction.overviews.ahead_of(waiting[0].name) if waiting else 0
    return Work(running, [WaitingAudit(audit, before + place) for place, audit in enumerate(waiting)], counts)


async def _newest(transaction: Transaction, project: str, state: AuditState) -> list[Audit]:
    keyed = await transaction.audits.page(project, AuditFilter(state=state), after="", limit=AUDITS_SHOWN)
    return [audit for _, audit in keyed]
