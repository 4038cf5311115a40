"""What the metrics show about model versions, from their newest audits, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modicum_server.domain.verdicts import VerdictOutcome


@dataclass(frozen=True, slots=True)
class Sight:
    """The projects whose names a caller of /metrics sees: these, or with `of_all` every project."""

    projects: frozenset[str] = frozenset()
    of_all: bool = False

    def covers(self, name: str) -> bool:
        """Return whether it includes the project in which a resource lives, by its name."""
        return self.of_all or "/".join(name.split("/", 2)[:2]) in self.projects


NO_NAMES = Sight()
ALL_NAMES = Sight(of_all=True)


@dataclass(frozen=True, slots=True)
class ProjectUse:
    """What a project uses of what is limited: bytes of artifacts, queued audits, and passes left of its audits.

    Those of a principal are of whoever has most of each in the project, without a name.
    """

    project: str
    stored_bytes: int
    queued_audits: int
    passes_left: int
    principal_stored_bytes: int = 0
    principal_queued_audits: int = 0
    principal_passes_left: int = 0


@dataclass(frozen=True, slots=True)
class VersionAudit:
    """The newest SUCCEEDED audit of a registered model version, by resource names."""

    model_version: str
    audit: str
    dataset: str
    result_digest: str
    end_time: datetime


@dataclass(frozen=True, slots=True)
class VersionVerdict:
    """The newest verdict on an audit of a model version, by resource names. Its outcome is that of the whole audit."""

    model_version: str
    verdict: str
    audit: str
    outcome: VerdictOutcome
    create_time: datetime


@dataclass(frozen=True, slots=True)
class NewestAudits:
    """The newest audit of each version, newest first. `left_out` counts the versions beyond the limit."""

    audits: Sequence[VersionAudit] = ()
    left_out: int = 0
