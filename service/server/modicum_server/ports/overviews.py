"""Figures across many rows: for metrics and for the pages."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.gauges import NewestAudits, ProjectUse, VersionVerdict
from modicum_server.domain.verdicts import Verdict


class Gauges(Protocol):
    """What the metrics show besides the facts of the queue, over all projects."""

    async def facts(self) -> Mapping[str, float]:
        """`leases_overdue`, `audits_stalled`, `database_bytes` and `collected_bytes_total`.

        Also `last_claim` (Unix time) and `collectable_bytes`, if there was a claim and a collection.
        """

    async def failed_audits(self) -> Mapping[str, int]:
        """FAILED audits that are stored, by reason: a bounded number of reasons."""

    async def project_use(self, *, limit: int) -> list[ProjectUse]:
        """What projects use of what is limited, of the `limit` projects that store most."""

    async def newest_audits(self, *, limit: int) -> NewestAudits:
        """The newest SUCCEEDED audit of each registered version, of the `limit` versions audited last."""

    async def newest_verdicts(self, versions: Sequence[str]) -> Mapping[str, VersionVerdict]:
        """The newest verdict on an audit of each of these versions, by version; those that were judged."""


class Overviews(Protocol):
    """What pages show of a project at once."""

    async def newest_verdicts(self, project: str, models: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict on a version of each of these models, by model; those that were judged."""

    async def verdicts_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict on each of these versions, by version; those that were judged."""

    async def standing_fails(self, project: str, versions: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest FAIL of each of these versions, by version; those that no PASS followed."""

    async def audits_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Audit]:
        """The newest audit of each of these versions in whatever state, by version; those that have one."""

    async def deciding_audits_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Audit]:
        """The newest SUCCEEDED audit of each of these versions that is not INCONCLUSIVE, by version."""

    async def audits_of_model(self, model: str, *, limit: int) -> list[Audit]:
        """The SUCCEEDED audits of any version of a model, newest first."""

    async def audits_of_models(
        self, project: str, models: Sequence[str], *, limit: int
    ) -> Mapping[str, Sequence[Audit]]:
        """At most `limit` SUCCEEDED audits of each of these models, newest first; those that have one."""

    async def count_by_state(self, project: str) -> Mapping[AuditState, int]:
        """The number of audits of a project in each state; every state has a count."""

    async def waiting(self, project: str, *, limit: int) -> list[Audit]:
        """The QUEUED audits of a project, the oldest first."""

    async def ahead_of(self, audit: str) -> int:
        """How many audits of the project are older than this one and have not ended."""

    async def is_held(self, audit: str) -> bool:
        """Whether a worker holds work of this audit."""

    async def waits_for(self, audit: str) -> str:
        """What work of this audit waits for because it is away, in words; empty if it waits for nothing."""

    async def failed_try(self, version: str) -> str:
        """Why the last try of a version's check failed, in words; empty if none failed, or no check is queued."""
