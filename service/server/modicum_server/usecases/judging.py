"""Judging the result of an audit by a policy, as of today. The gate's engine, which the command has too, decides.

Nothing is searched. A verdict is stored with two documents: the policy's text and every check.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from importlib import resources
from typing import Any

from modicum.errors import PolicyError
from modicum.gate import verdict as engine
from modicum.gate.judging import judge, needs_rows
from modicum.gate.one_version import of_version
from modicum.gate.policy import Policy
from modicum.gate.policy_file import LIMITS, policy_of

from modicum_server.domain.audits import Audit
from modicum_server.domain.digests import digest_of
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.domain.verdicts import (
    RuleLevel,
    Verdict,
    VerdictCheck,
    VerdictInterval,
    VerdictLimit,
    VerdictOutcome,
    VerdictRule,
)
from modicum_server.errors import FieldInvalid, PolicyInvalid, ResultIncomplete
from modicum_server.measures import FindingsArtifact
from modicum_server.measures.document import canonical_json
from modicum_server.measures.rows import light_row
from modicum_server.ports import ArtifactStore, ResultErased, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.artifacts import hold_files
from modicum_server.usecases.audits import audit_not_found, require_audit, require_succeeded
from modicum_server.usecases.baselines import baseline_name, newest_of_version
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.request_ids import CreateOptions, IdentifiedRequest, identify
from modicum_server.usecases.resource_names import new_resource_id, project_of
from modicum_server.usecases.retained import require_findings
from modicum_server.usecases.rules import check, shown
from modicum_server.usecases.stored_results import findings_beside, read_document, require_undamaged
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.trail import record
from modicum_server.usecases.verdicts import require_verdict

DEFAULT_FILE = "modicum.yaml"
Document = Mapping[str, Any]


POLICIES_AT_ONCE = 2
"""Policies that a process reads, and judges by, at the same time."""


@dataclass(frozen=True, slots=True)
class AskedPolicy:
    """The text of a policy, what messages call its file, and the audit to compare with (may be empty).

    With a `model_version`, that version of the audit alone is judged.
    """

    text: str
    file: str = ""
    baseline: str = ""
    model_version: str = ""

    @property
    def body(self) -> Mapping[str, str]:
        """What a repeated request asks for again. Requests from before there was a `model_version` have none."""
        values = asdict(self)
        if not self.model_version:
            del values["model_version"]
        return values


@dataclass(frozen=True, slots=True)
class _Judged:
    """An audit and its baseline, with their documents; `versions` of the audit are judged."""

    audit: Audit
    versions: tuple[str, ...]
    document: Document
    baseline: Audit | None
    baseline_document: Document | None


def _today() -> date:
    return datetime.now(UTC).date()


class Judging:
    """Judges audits and stores the verdicts."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        reports: Reports,
        threads: ThreadsInTurn,
        policy_threads: ThreadsInTurn,
        *,
        on_judged: Callable[[Verdict], None] = lambda _: None,
        today: Callable[[], date] = _today,
    ) -> None:
        """Take the stores, reports, both kinds of threads, what is called with each committed verdict, and the day."""
        self._store = store
        self._artifacts = artifacts
        self._reports = reports
        self._threads = threads
        self._policy_threads = policy_threads
        self._on_judged = on_judged
        self._today = today

    async def judge(self, principal: Principal, name: str, asked: AskedPolicy, options: CreateOptions) -> Verdict:
        """Judge an audit, and store the verdict unless the request is only to be checked.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotSucceeded, PolicyInvalid,
            ResultIncomplete, ResultErased, RetentionPassed, RequestIdReused, VerdictNotFound, ShareExceeded
        """
        project = _checked_project(name, asked)
        authorise(principal, project, Role.AUDITOR)
        request, today = identify(project, "JudgeAudit", options, {"name": name, "policy": asked.body}), self._today()
        policy = await self._policy_threads.run(principal, partial(_policy, asked, today))
        compared_with = baseline_name(asked.baseline, policy, project)
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return await require_verdict(transaction, known)
            audit = await _succeeded(transaction, name)
            baseline = await _succeeded(transaction, compared_with) if compared_with else None
        judged = await self._read(principal, audit, baseline, policy, versions=_judged_versions(audit, asked))
        found = await self._policy_threads.run(principal, partial(_found, judged, policy, today))
        document = canonical_json(found.as_json())
        verdict = _verdict(found, judged, document, principal)
        if options.validate_only:
            return replace(verdict, document_digest="")
        named = replace(verdict, name=f"{project}/verdicts/{new_resource_id()}")
        return await self._write(principal, named, (asked.text.encode(), document), request)

    async def _read(
        self,
        principal: Principal,
        audit: Audit,
        baseline: Audit | None,
        policy: Policy,
        *,
        versions: tuple[str, ...],
    ) -> _Judged:
        """Read the documents as reports have them: with pictures, and with rows where the engine needs them."""
        document: Document = await self._reports.as_reported(principal, audit)
        if _asks_for_rows(document, policy):
            document = await self._with_rows(principal, document)
        if versions != audit.specification.model_versions:
            document = _of_version(document, versions[0], audit)
        if baseline is None:
            baseline = await newest_of_version(self._store, self._artifacts, policy, audit, document)
        if baseline is None:
            return _Judged(audit, versions, document, None, None)
        beside = await self._with_rows(principal, await read_document(self._artifacts, baseline.result_digest))
        return _Judged(audit, versions, document, baseline, beside)

    async def _with_rows(self, principal: Principal, document: Document) -> Document:
        await require_undamaged(self._artifacts, document["findings"]["digest"])
        findings = findings_beside(self._artifacts, document)
        return {**document, "rows": await self._threads.run(principal, partial(_rows, findings))}

    async def _write(
        self, principal: Principal, verdict: Verdict, documents: tuple[bytes, ...], request: IdentifiedRequest
    ) -> Verdict:
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):  # the same request may have come twice at once
                return await require_verdict(transaction, known)
            await hold_files(transaction, self._artifacts, request.project, documents)
            created = await transaction.verdicts.create(verdict)
            if created is None:
                raise audit_not_found(verdict.audit)
            current = await transaction.audits.get(created.audit)  # its row is locked since the verdict is stored
            if current is None or current.result_digest != created.result_digest:
                raise ResultErased
            judged = f"{created.audit}: {created.outcome}"
            await record(transaction, principal, Verb.JUDGE_AUDIT, created.name, judged)
            await request.remember(transaction, created.name)
        self._on_judged(created)
        return created


def starting_policy() -> str:
    """Return the text of a starting policy, as `modicum policy init` writes it."""
    return resources.files("modicum.gate").joinpath("starting_policy.yaml").read_text(encoding="utf-8")


def starting_images() -> int:
    """Return how many eligible images that policy requires."""
    return policy_of(starting_policy(), "the policy", today=date.min).require["eligible_images"]


def _checked_project(name: str, asked: AskedPolicy) -> str:
    project = project_of("audit", name)
    check("policy", asked.text)
    check("policy_file", asked.file)
    return project


def _judged_versions(audit: Audit, asked: AskedPolicy) -> tuple[str, ...]:
    """The versions of the audit that are to be judged."""
    known = audit.specification.model_versions
    if not asked.model_version:
        return known
    if asked.model_version not in known:
        named = shown(asked.model_version)
        raise FieldInvalid("model_version", f"expected a version of {audit.name}, such as {known[0]}, got {named}")
    return (asked.model_version,)


def _of_version(document: Document, version: str, audit: Audit) -> Document:
    try:
        return of_version(document, version)
    except (KeyError, PolicyError) as error:
        raise ResultIncomplete(f"the stored result of {audit.name} has no entry for {version}; audit again") from error


async def _succeeded(transaction: Transaction, name: str) -> Audit:
    audit = await require_audit(transaction, name)
    require_succeeded(audit)
    require_findings(audit)
    return audit


def _policy(asked: AskedPolicy, today: date) -> Policy:
    try:
        return policy_of(asked.text, asked.file or DEFAULT_FILE, today=today)
    except PolicyError as error:
        raise PolicyInvalid("policy", str(error)) from None  # the caller's mistake needs no traceback in the log


def _asks_for_rows(document: Document, policy: Policy) -> bool:
    """Whether the engine needs rows. False for a damaged document: judging it reports the damage."""
    try:
        return needs_rows(document, policy)
    except KeyError:
        return False


def _rows(findings: FindingsArtifact) -> list[Document]:
    return [light_row(finding) for finding in findings]


def _found(judged: _Judged, policy: Policy, today: date) -> engine.Verdict:
    try:
        return judge(judged.document, policy, today=today, baseline=judged.baseline_document)
    except PolicyError as error:
        raise PolicyInvalid("policy", str(error)) from None  # the caller's mistake needs no traceback in the log
    except KeyError as error:
        raise ResultIncomplete(
            f"the stored result of {judged.audit.name} has no {error}, which {policy.file} needs; audit again"
        ) from error


def _verdict(found: engine.Verdict, judged: _Judged, document: bytes, principal: Principal) -> Verdict:
    return Verdict(
        name="",
        audit=judged.audit.name,
        model_versions=judged.versions,
        outcome=VerdictOutcome(found.outcome),
        summary=found.summary,
        rules=tuple(map(_rule, found.rules)),
        result_digest=judged.audit.result_digest,
        policy_digest=found.policy.digest,
        baseline="" if judged.baseline is None else judged.baseline.name,
        baseline_digest="" if judged.baseline is None else judged.baseline.result_digest,
        document_digest=digest_of(document),
        principal=principal.name,
        create_time=datetime.now(UTC),
    )


def _rule(one: engine.RuleVerdict) -> VerdictRule:
    limits = ((name, getattr(one.rule, name)) for name in LIMITS)
    return VerdictRule(
        id=one.rule.id,
        title=one.rule.known.title,
        level=RuleLevel[one.rule.level.name],
        outcome=VerdictOutcome(one.outcome),
        requirement=one.requirement,
        limits=tuple(VerdictLimit(name, value) for name, value in limits if value is not None),
        p=one.p,
        share=one.share,
        check_count=len(one.checks),
        worst=_check(one.worst),
    )


def _check(one: engine.Check) -> VerdictCheck:
    return VerdictCheck(
        model_version=one.model_version,
        subject=one.about,
        outcome=VerdictOutcome(one.outcome),
        value=one.value,
        unit=one.unit,
        n=one.n,
        interval=None if one.level is None else VerdictInterval(one.low, one.high, one.level),
        p=one.p,
        reason=one.reason,
        waived=one.waived,
    )
