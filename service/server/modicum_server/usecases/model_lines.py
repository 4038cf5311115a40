"""Models with the newest that is known of each: version, verdict, audit, and what audits found of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modicum.gate.outcomes import WORST_FIRST

from modicum_server.domain.audits import Audit
from modicum_server.domain.models import Model, ModelVersion
from modicum_server.domain.verdicts import Verdict
from modicum_server.ports import Transaction
from modicum_server.usecases.result_facts import Facts, ResultFacts, VersionFacts
from modicum_server.usecases.standing_verdicts import StandingFail, standing_fail

OLDER_READ = 8
"""Audits of a model that are looked through, the newest first, for what nobody judged."""
NEED_A_VERDICT = frozenset(WORST_FIRST[: WORST_FIRST.index("SUFFICIENT") + 1])
"""Outcomes that say what a person must look at: the model may rely on what it should not."""

INCONCLUSIVE = "INCONCLUSIVE"
"""The outcome of an audit that says nothing of the model: what was found before stands."""


@dataclass(frozen=True, slots=True)
class OlderFinding:
    """What an audit found before the newest one of the same version."""

    audit: Audit
    found: VersionFacts


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
    unjudged: OlderFinding | None = None
    stands: StandingFail | None = None
    found_before: OlderFinding | None = None

    @property
    def is_verdict_older(self) -> bool:
        """Whether the verdict did not judge the newest version."""
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
        """Whether the newest audit does not include the newest version."""
        return self.audit is not None and self.model.latest_version not in self.audit.specification.model_versions


class ModelLines:
    """Reads lines. Who may see the project is decided before."""

    def __init__(self, facts: ResultFacts) -> None:
        self._facts = facts

    async def facts(self, audit: Audit) -> Facts:
        """Return what the result of an audit says of each version, by name."""
        return await self._facts.of(audit.result_digest)

    async def with_findings(self, lines: Sequence[ModelLine]) -> list[ModelLine]:
        """Return lines with what their audits found. That reads results, so no transaction should be open."""
        return await asyncio.gather(*map(self._with_findings, lines))

    async def found_before(self, older: Sequence[Audit], version: str) -> OlderFinding | None:
        """Return what the first of these audits found of a version that is not INCONCLUSIVE."""
        for audit in older:
            found = (await self.facts(audit)).get(version, VersionFacts())
            if found.outcome not in {"", INCONCLUSIVE}:
                return OlderFinding(audit, found)
        return None

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
        return replace(line, found=found, unjudged=unjudged, found_before=await self.found_before(older, own[-1]))

    async def _unjudged(self, line: ModelLine, version: str) -> OlderFinding | None:
        """Return the newest finding of a version that an audit made before the newest, and that nobody judged since."""
        for audit in line.before:
            if version in audit.specification.model_versions and _is_unjudged(audit, line.verdict):
                found = (await self.facts(audit)).get(version, VersionFacts())
                if found.outcome in NEED_A_VERDICT:
                    return OlderFinding(audit, found)
        return None


async def stored_lines(transaction: Transaction, project: str, models: Sequence[Model]) -> list[ModelLine]:
    """Return what the database knows of models of a project, in their order, without what results say."""
    names = [model.name for model in models]
    verdicts = await transaction.overviews.newest_verdicts(project, names)
    audits = await transaction.overviews.audits_of_models(project, names, limit=1 + OLDER_READ)
    versions = await transaction.models.versions_named([model.latest_version for model in models])
    looked_at = {model.name: _looked_at(model, verdicts.get(model.name)) for model in models}
    fails = await transaction.overviews.standing_fails(project, [name for own in looked_at.values() for name in own])
    return [
        ModelLine(
            model,
            versions.get(model.latest_version),
            verdicts.get(model.name),
            next(iter(audits.get(model.name, ())), None),
            before=audits.get(model.name, ())[1:],
            stands=standing_fail(looked_at[model.name], verdicts.get(model.name), fails, audits.get(model.name, ())),
        )
        for model in models
    ]


def _looked_at(model: Model, verdict: Verdict | None) -> list[str]:
    """Return the newest version of a model, then those that its newest verdict is on."""
    judged = () if verdict is None else verdict.model_versions
    own = (version for version in (model.latest_version, *judged) if _is_of(model, version))
    return list(dict.fromkeys(own))


def _is_unjudged(audit: Audit, verdict: Verdict | None) -> bool:
    """Whether a model has no verdict, or an audit of it ended after its newest verdict."""
    return audit.end_time is not None and (verdict is None or verdict.create_time < audit.end_time)


def _is_of(model: Model, version: str) -> bool:
    return version.startswith(f"{model.name}/versions/")
