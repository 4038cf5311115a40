"""What is known of model versions from their newest audits, as the metrics show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VersionAudit:
    """The newest SUCCEEDED audit of a registered model version, by resource names."""

    model_version: str
    audit: str
    dataset: str
    result_digest: str
    end_time: datetime


@dataclass(frozen=True, slots=True)
class NewestAudits:
    """The newest audit of each version, the newest first; `left_out` counts the versions beyond the limit."""

    audits: Sequence[VersionAudit] = ()
    left_out: int = 0
