"""A project at a glance: its models, what runs, what waits, and what needs a person."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from modicum.gate.outcomes import WORST_FIRST

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.models import Model, ModelVersion, VersionState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.ports import AuditFilter, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.result_facts import Facts, ResultFacts, VersionFacts
from modicum_server.usecases.standing_verdicts import StandingFail, later_line, standing_fail
from modicum_server.usecases.verdict_lines import found_line

MODELS_SHOWN = 20
AUDITS_SHOWN = 10
OLDER_READ = 8
"""Audits of a model that are looked through, the newest first, for what nobody judged."""
NEED_A_VERDICT = frozenset(WORST_FIRST[: WORST_FIRST.index("SUFFICIENT") + 1])
"""Outcomes that say what a person must look at: the model may rely on what it should not."""

INCONCLUSIVE = "INCONCLUSIVE"
"""The outcome of an audit that says nothing of the model: what was found before stands."""


class Need(StrEnum):
    """Why something needs a person."""

    VERSION_REJECTED = "VERSION_REJECTED"
    VERDICT_FAILS = "VERDICT_FAILS"
    FAIL_STANDS = "FAIL_STANDS"
    VERDICT_OPEN = "VERDICT_OPEN"
    FOUND = "FOUND"
    FOUND_BEFORE = "FOUND_BEFORE"
    AUDIT_FAILED = "AUDIT_FAILED"


@dataclass(frozen=True, slots=True)
class Needed:
    """Something that needs a person: what, by resource name, whose it is (a model or an audit), what is known of it."""

    need: Need
    name: str
    of: str
    detail: str


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model with its newest version, verdict and audit; None where there is none.

    The audit is the newest that succeeded. `found` is what it says of the model; None where its result can no longer be
    read. `before` are older audits of the model, the newest first, OLDER_READ at most. `unjudged` is the newest of
    these with a finding of the same version that nobody judged since. `stands` is an older FAIL of the newest version
    or of one that the verdict is on. `found_before` is what an older audit found where the newest is INCONCLUSIVE.
    """

    model: Model
    version: ModelVersion | None
    verdict: Verdict | None
    audit: Audit | None
    found: VersionFacts | None = None
    before: Sequence[Audit] = ()
    unjudged: "OlderFinding | None" = None
    stands: StandingFail | None = None
    found_before: "OlderFinding | None" = None

    @property
    def is_verdict_older(self) -> bool:
        """Whether the newest version is none of those that the verdict judged."""
        return self.verdict is not None and self.model.latest_version not in self.verdict.model_versions

    @property
    def is_verdict_of_other_audit(self) -> bool:
        """Whether the verdict is on another audit than the newest."""
        return self.verdict is not None and self.audit is not None and self.verdict.audit != self.audit.name

    @property
    def is_unjudged(self) -> bool:
        """Whether nobody judged anything of the model since its newest audit ended."""
        return self.audit is not None and _is_unjudged(self.audit, self.verdict)

    @property
    def is_audit_older(self) -> bool:
        """Whether the newest version is none of those that the newest audit is of."""
        return self.audit is not None and self.model.latest_version not in self.audit.specification.model_versions


@dataclass(frozen=True, slots=True)
class OlderFinding:
    """What an audit found before the newest one of the same version."""

    audit: Audit
    found: VersionFacts


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
    needed: Sequence[Needed]

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

    def __init__(self, store: Store, facts: ResultFacts) -> None:
        self._store = store
        self._facts = facts

    async def of(self, principal: Principal, project: str, request: PageRequest) -> Overview:
        """Return a project with a page of its models.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            models = await _models(transaction, project, request)
            work = await _work(transaction, project)
            failed = await _newest(transaction, project, AuditState.FAILED)
        lines = await asyncio.gather(*map(self._with_findings, models.rows))
        return Overview(
            models=Page(tuple(lines), models.next_token),
            work=work,
            needed=[*_of_models(lines), *map(_failed, failed)],
        )

    async def lines(self, principal: Principal, project: str, request: PageRequest) -> Page[ModelLine]:
        """Return a page of the models of a project, each with its newest version, verdict and audit.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            models = await _models(transaction, project, request)
        return Page(tuple(await asyncio.gather(*map(self._with_findings, models.rows))), models.next_token)

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
        return await self._facts.of(audit.result_digest)

    async def _with_found(self, line: VersionLine, deciding: Audit | None) -> VersionLine:
        if line.audit is None:
            return line
        found = (await self.facts(line.audit)).get(line.version.name)
        says_nothing = line.audit.state.terminal and (found is None or found.outcome == INCONCLUSIVE)
        older = [deciding] if says_nothing and deciding is not None and deciding.name != line.audit.name else []
        return replace(line, found=found, before=await self._found_before(older, line.version.name))

    async def _with_findings(self, line: ModelLine) -> ModelLine:
        if line.audit is None:
            return line
        facts = await self.facts(line.audit)
        own = [name for name in line.audit.specification.model_versions if _is_of(line.model, name) and name in facts]
        if not own:
            return line
        found = facts[own[-1]]
        unjudged = None if found.outcome in NEED_A_VERDICT else await self._unjudged(line, own[-1])
        older = line.before if found.outcome == INCONCLUSIVE else ()
        return replace(line, found=found, unjudged=unjudged, found_before=await self._found_before(older, own[-1]))

    async def _found_before(self, older: Sequence[Audit], version: str) -> "OlderFinding | None":
        """Return what the first of these audits found of a version that is not INCONCLUSIVE."""
        for audit in older:
            found = (await self.facts(audit)).get(version, VersionFacts())
            if found.outcome not in {"", INCONCLUSIVE}:
                return OlderFinding(audit, found)
        return None

    async def _unjudged(self, line: ModelLine, version: str) -> OlderFinding | None:
        """Return the newest finding of a version that an audit made before the newest, and that nobody judged since."""
        for audit in line.before:
            if version in audit.specification.model_versions and _is_unjudged(audit, line.verdict):
                found = (await self.facts(audit)).get(version, VersionFacts())
                if found.outcome in NEED_A_VERDICT:
                    return OlderFinding(audit, found)
        return None


def _is_unjudged(audit: Audit, verdict: Verdict | None) -> bool:
    """Whether the newest verdict on a model is none, or was given before an audit of it ended."""
    return audit.end_time is not None and (verdict is None or verdict.create_time < audit.end_time)


def _finding(found: VersionFacts) -> str:
    return f"{found.outcome}: {found.headline}"


def _is_of(model: Model, version: str) -> bool:
    return version.startswith(f"{model.name}/versions/")


async def _page(transaction: Transaction, project: str, request: PageRequest) -> Page[Model]:
    return await read_page(
        PageRequest(request.size or MODELS_SHOWN, request.token),
        f"models of {project}",
        partial(transaction.models.page, project),
    )


async def _models(transaction: Transaction, project: str, request: PageRequest) -> Page[ModelLine]:
    page = await _page(transaction, project, request)
    names = [model.name for model in page.rows]
    verdicts = await transaction.overviews.newest_verdicts(project, names)
    audits = await transaction.overviews.audits_of_models(project, names, limit=1 + OLDER_READ)
    versions = await transaction.models.versions_named([model.latest_version for model in page.rows])
    looked_at = {model.name: _looked_at(model, verdicts.get(model.name)) for model in page.rows}
    fails = await transaction.overviews.standing_fails(project, [name for own in looked_at.values() for name in own])
    lines = [
        ModelLine(
            model,
            versions.get(model.latest_version),
            verdicts.get(model.name),
            next(iter(audits.get(model.name, ())), None),
            before=audits.get(model.name, ())[1:],
            stands=standing_fail(looked_at[model.name], verdicts.get(model.name), fails, audits.get(model.name, ())),
        )
        for model in page.rows
    ]
    return Page(tuple(lines), page.next_token)


def _looked_at(model: Model, verdict: Verdict | None) -> list[str]:
    """Return the newest version of a model, then those that its newest verdict is on."""
    judged = () if verdict is None else verdict.model_versions
    own = (version for version in (model.latest_version, *judged) if _is_of(model, version))
    return list(dict.fromkeys(own))


async def _work(transaction: Transaction, project: str) -> Work:
    counts = await transaction.overviews.count_by_state(project)
    running = await _newest(transaction, project, AuditState.RUNNING)
    waiting = await transaction.overviews.waiting(project, limit=AUDITS_SHOWN)
    before = await transaction.overviews.ahead_of(waiting[0].name) if waiting else 0
    return Work(running, [WaitingAudit(audit, before + place) for place, audit in enumerate(waiting)], counts)


async def _newest(transaction: Transaction, project: str, state: AuditState) -> list[Audit]:
    keyed = await transaction.audits.page(project, AuditFilter(state=state), after="", limit=AUDITS_SHOWN)
    return [audit for _, audit in keyed]


def _of_models(lines: Sequence[ModelLine]) -> list[Needed]:
    needed = []
    for line in lines:
        if line.version is not None and line.version.state is VersionState.REJECTED:
            detail = f"{line.version.reject_reason}: {line.version.reject_detail}"
            needed.append(Needed(Need.VERSION_REJECTED, line.version.name, line.model.name, detail))
        if line.verdict is not None and line.verdict.outcome is VerdictOutcome.FAIL:
            needed.append(Needed(Need.VERDICT_FAILS, line.verdict.name, line.model.name, found_line(line.verdict)))
        if line.stands is not None:
            detail = "; ".join(filter(None, (found_line(line.stands.verdict), later_line(line.stands))))
            needed.append(Needed(Need.FAIL_STANDS, line.stands.verdict.name, line.model.name, detail))
        elif line.verdict is not None and line.verdict.outcome is VerdictOutcome.INCONCLUSIVE:
            needed.append(Needed(Need.VERDICT_OPEN, line.verdict.name, line.model.name, found_line(line.verdict)))
        if line.audit and line.found and line.found.outcome in NEED_A_VERDICT and line.is_unjudged:
            needed.append(Needed(Need.FOUND, line.audit.name, line.model.name, _finding(line.found)))
        if line.unjudged is not None:
            needed.append(
                Needed(Need.FOUND_BEFORE, line.unjudged.audit.name, line.model.name, _finding(line.unjudged.found))
            )
    return needed


def _failed(audit: Audit) -> Needed:
    detail = "" if audit.failure is None else f"{audit.failure.reason}: {audit.failure.detail}"
    return Needed(Need.AUDIT_FAILED, audit.name, audit.name, detail)
